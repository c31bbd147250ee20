/** The page behind the commands: Node calls `terminalPage` and gets events while a job runs. */
import { type BenchJob, runBench } from './bench-job.ts'
import { type GenerateJob, runGenerate } from './generate-job.ts'

const interrupt = new AbortController()

const terminalPage = {
  generate: (job: GenerateJob) => runGenerate(job, interrupt.signal),
  bench: (job: BenchJob) => runBench(job),
  /** Ctrl-C. */
  interrupt: () => interrupt.abort(),
}

Object.assign(globalThis, { terminalPage })
