import type { FullSizeName } from './full-size-model'
import type { ModelFormat, ShapeName } from './model-shapes.mjs'

/** What a benchmark suite gets and yields. A suite is `e2e/bench/<suite>.bench.ts` with a default export. */
export interface BenchContext {
  /** Fewer sizes and repetitions, the same row names: within 10 minutes on 2 cores without a GPU. */
  quick: boolean
  /** Address of ../shared/models/<name>, undefined where the file is absent. */
  fetchModel(name: string): URL | undefined
  /** One of full-size-model.ts: its address, or a Blob where there is no server. */
  fullSize(name: FullSizeName): URL | Blob
  device: BenchDevice
  memory: Memory
  /** Decode: a model of named dimensions with random weights instead of its own models. Both or neither. */
  shape?: ShapeName | undefined
  format?: ModelFormat | undefined
}

/** Bytes, garbage that is not collected among them. */
export interface MemoryUse {
  /** JavaScript's: objects, and ArrayBuffers, which lie outside its heap. */
  js: number
  /** With the browser's own for the page, such as what it has read ahead of a download. */
  page: number
}

export interface Memory {
  /** Collects garbage and begins to look. */
  watch(): Promise<void>
  /** The most that was held since, each above what was held at first. */
  peak(): Promise<MemoryUse>
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
