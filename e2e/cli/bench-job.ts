/** `npm run bench`, the browser code's side. It also runs in Node, on Dawn. */
import type { BenchContext, BenchDevice, BenchSuite } from '../bench/bench-context.ts'
import { fullSizeModel, fullSizeModels } from '../bench/full-size-model.ts'
import { type PrintedError, printedError } from './terminal-event.ts'

export interface BenchJob {
  suite: string
  quick: boolean
  /** Addresses of the files of ../shared/models, by name. */
  models: Record<string, string>
  /** Where the models of full-size-model.ts are served; undefined: nowhere. */
  served?: string
  shape?: BenchContext['shape']
  format?: BenchContext['format']
}

export interface BenchReport {
  error?: PrintedError
}

const loaders = import.meta.glob<{ default: BenchSuite }>('../bench/*.bench.ts')

const suites = new Map(
  Object.entries(loaders).map(([path, load]) => [path.slice('../bench/'.length, -'.bench.ts'.length), load]),
)

export const suiteNames: string[] = [...suites.keys()].sort()

export async function runBench(job: BenchJob): Promise<BenchReport> {
  const device = await describeDevice()
  const report: BenchReport = {}
  const fetchModel: BenchContext['fetchModel'] = name => {
    const address = job.models[name]
    // Node has no location; there the addresses are whole.
    return address === undefined ? undefined : new URL(address, globalThis.location?.href)
  }
  const fullSize: BenchContext['fullSize'] = name =>
    job.served === undefined
      ? fullSizeModel(fullSizeModels[name])
      : new URL(job.served + name, globalThis.location.href)
  await emitToTerminal({ type: 'adapter', adapter: device.adapter })
  try {
    const load = suites.get(job.suite)
    if (!load) throw new Error(`There is no suite ${job.suite}.`)
    const { default: suite } = await load()
    for await (const row of suite({
      ...job,
      fetchModel,
      fullSize,
      device,
      memory: { watch: watchMemory, peak: memoryPeak },
    })) {
      await emitToTerminal({ type: 'row', row })
    }
  } catch (error) {
    report.error = printedError(error)
  }
  return report
}

export async function describeDevice(): Promise<BenchDevice> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' })
  const { vendor = '', architecture = '', device = '', description = '' } = adapter?.info ?? {}
  // Firefox does not tell an adapter's name.
  const [firefox] = navigator.userAgent.match(/Firefox\/\d+/) ?? []
  const named = [vendor, architecture, device, description, firefox].filter(Boolean).join(' ')
  return {
    adapter: adapter ? named || 'unnamed' : 'none',
    isSoftware: adapter?.info.isFallbackAdapter ?? false,
    features: [...(adapter?.features ?? [])].sort(),
    numCores: navigator.hardwareConcurrency,
    userAgent: navigator.userAgent,
  }
}
