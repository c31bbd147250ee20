import type { ModelFormat, ShapeName } from './model-shapes.mjs'

/** What a benchmark suite gets and yields. A suite is `e2e/bench/<suite>.bench.ts` with a default export. */
export interface BenchContext {
  /** Fewer sizes and repetitions, the same row names: within 10 minutes on 2 cores without a GPU. */
  quick: boolean
  /** Address of ../shared/models/<name>, undefined where the file is absent. */
  fetchModel(name: string): URL | undefined
  device: BenchDevice
  /** Decode: a model of named dimensions with random weights instead of its own models. Both or neither. */
  shape?: ShapeName | undefined
  format?: ModelFormat | undefined
}

export interface BenchDevice {
  /** The adapter as WebGPU describes it. */
  adapter: string
  /** The CPU plays the GPU. */
  isSoftware: boolean
  features: string[]
  /** Logical cores. */
  numCores: number
  userAgent: string
}

/** One measured number. Further fields are conditions of the measurement. */
export interface BenchRow {
  name: string
  metric: string
  /** Null: not measured on this host; `note` says why. */
  value: number | null
  unit: string
  [condition: string]: unknown
}

export type BenchSuite = (context: BenchContext) => AsyncGenerator<BenchRow>
