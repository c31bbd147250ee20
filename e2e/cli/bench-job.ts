/** `npm run bench`, the page's side. */
import type { BenchContext, BenchDevice, BenchSuite } from '../bench/bench-context.ts'
import { type PrintedError, printedError } from './terminal-event.ts'

export interface BenchJob {
  suite: string
  quick: boolean
  /** Addresses of the files of ../shared/models, by name. */
  models: Record<string, string>
}

export interface BenchReport {
  adapter: string
  error?: PrintedError
}

const suites = import.meta.glob<{ default: BenchSuite }>('../bench/*.bench.ts')

export async function runBench(job: BenchJob): Promise<BenchReport> {
  const device = await describeDevice()
  const report: BenchReport = { adapter: device.adapter }
  const fetchModel: BenchContext['fetchModel'] = name => {
    const address = job.models[name]
    return address === undefined ? undefined : new URL(address, location.href)
  }
  try {
    const load = suites[`../bench/${job.suite}.bench.ts`]
    if (!load) throw new Error(`There is no suite ${job.suite}.`)
    const { default: suite } = await load()
    for await (const row of suite({ quick: job.quick, fetchModel, device })) {
      await emitToTerminal({ type: 'row', row })
    }
  } catch (error) {
    report.error = printedError(error)
  }
  return report
}

async function describeDevice(): Promise<BenchDevice> {
  const adapter = await navigator.gpu?.requestAdapter()
  const { vendor = '', architecture = '', device = '', description = '' } = adapter?.info ?? {}
  return {
    adapter: [vendor, architecture, device, description].filter(Boolean).join(' ') || 'none',
    features: [...(adapter?.features ?? [])].sort(),
    numCores: navigator.hardwareConcurrency,
    userAgent: navigator.userAgent,
  }
}
