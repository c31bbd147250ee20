/** On the page behind `npm run bench -- --host firefox`: firefox-host.mjs has its job and hears what it tells. */
import { type BenchJob, type BenchReport, runBench } from './bench-job.ts'
import { printedError } from './terminal-event.ts'

const tell = async (what: string, body: unknown): Promise<void> => {
  await fetch(`/terminal/${what}`, { method: 'POST', body: JSON.stringify(body) })
}

/** Only Chromium's developer tools tell how much memory a page holds. */
const unknown = async (): Promise<never> => {
  throw new Error('Firefox does not tell how much memory a page holds.')
}

Object.assign(globalThis, {
  emitToTerminal: (event: unknown) => tell('event', event),
  watchMemory: unknown,
  memoryPeak: unknown,
})

async function run(): Promise<BenchReport> {
  const job: BenchJob = await (await fetch('/terminal/job')).json()
  return runBench(job)
}

await tell('report', await run().catch(error => ({ error: printedError(error) })))
