/** Public types, those of loading here: pure, safe for the main thread. */

import type { FileSource } from '@foretoken/weights'
import type { DraftFacts } from './stats-types'

export type { AppFile, HubModel } from '@foretoken/weights'
export type { DraftAdvice, DraftCandidate } from './draft-advice'
export type * from './request-types'
export type * from './stats-types'
export type { StorageUse, StoredModel } from './stored-models'

/**
 * Where a model comes from. `bundled`: the small model that ships with the package, or as a draft, its draft. Of a split
 * model ("-00001-of-00003.gguf") the address of any part, or the directory; of a directory with several models the first of
 * these types: Q8_0, Q4_0, Q4_K_M, Q5_K_M, Q6_K, F16, BF16, F32. A directory, a repository or Files without GGUF are a
 * Hugging Face folder: config.json, tokenizer.json, tokenizer_config.json and safetensors; one at an address is named with
 * a slash at its end, or by its safetensors file or index. Several Files are one model: as a draft, a list within the list.
 */
export type ModelSource = 'bundled' | FileSource

/** GGML's types of blocks: 8.5 and 4.5 bits a weight. */
export type Quantization = 'q8_0' | 'q4_0'

export type LoadPhase = 'download' | 'upload' | 'compile' | 'calibrate'

export interface LoadProgress {
  phase: LoadPhase
  /** Bytes in `download` and `upload`, steps elsewhere. */
  loaded: number
  /** Undefined while the server has not told the length. */
  total: number | undefined
  /** 'model', 'draft', 'draft-2', 'draft-3' or 'heads'. */
  file: string
  /** In `download`: of `loaded`, what came over the network; the rest was stored, or is on this machine anyway. */
  fetched?: number
  /** In `download`: why the file will not be stored, for people. Loading goes on. */
  warning?: string
}

export interface EngineOptions {
  model: ModelSource
  /**
   * A smaller model, or up to three. Best of the same vocabulary; of another one it guesses the tokens that both have, at
   * least a quarter of the smaller vocabulary. Default: none, and for the bundled model its own.
   */
  draft?: ModelSource | readonly ModelSource[]
  /** Medusa heads of the model: a safetensors file with `medusa.I.weight` [dim, dim]. `bundled`: those of the bundled one. */
  heads?: ModelSource
  /**
   * Drafts may be trees, verified in one pass: by wish, and where the controller finds that they pay. Default false: their
   * kernels take a while to compile.
   */
  trees?: boolean
  /**
   * Learn which tokens follow which from all that is generated, and draft from it. Kept in IndexedDB, per vocabulary and
   * name, until `clearNgramCache()`. Default false.
   */
  ngramCache?: boolean | { name: string }
  /**
   * Keep downloads in the browser's storage (OPFS), look for them there first, go on with what was begun. Default true.
   * Where the browser refuses, the model is loaded all the same, and the progress has a `warning`.
   */
  store?: boolean
  /**
   * Matrices in F32, F16 or BF16, of the model and its drafts, become blocks of this type while they load, as GGML rounds
   * them; beside 'q4_0' the output matrix becomes 'q8_0'. Default: they stay as they are.
   */
  quantize?: Quantization
  onProgress?: (progress: LoadProgress) => void
  signal?: AbortSignal
  /** Requests that run together, 1..32. Up to 1024 more wait. Default 4. */
  maxConcurrent?: number
  /** Positions per sequence. Default: the smaller of the model's context and 4096. */
  contextLength?: number
  /** Storage of keys and values. Default 'f16'. */
  kvType?: 'f16' | 'f32'
  /**
   * `fast`: products of quantised weights (Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K) take activations rounded to int8,
   * one scale per 16 of them, where that is measured to be faster on this device. Ids are then others than with `exact`, and
   * the same with speculation on or off as ever. Default 'exact'.
   */
  numerics?: 'exact' | 'fast'
  /**
   * How deep a draft model may draft for requests with `verification` 'rejection' or 'block': 0..16. Its probabilities
   * are kept, maxConcurrent x verificationDepth x vocabulary x 4 bytes of the 64 MB to work in. Default 0: not at all.
   */
  verificationDepth?: number
  /**
   * Where the file of @mlc-ai/web-xgrammar lies, an optional peer that compiles grammars: with it requests may have a
   * `grammar`. With Vite: `import grammars from '@mlc-ai/web-xgrammar?url'`. Fetched at the first such request. Default:
   * none, and no memory for their masks.
   */
  grammars?: string | URL
}

export interface ForwardResult {
  /** Row-major [tokens, vocab]. */
  logits: Float32Array
  vocab: number
}

/** What loading a model would take: told from its header, before anything else is downloaded. */
export interface Preflight {
  architecture: string
  name: string
  /** The type that holds most of the weights. */
  format: string
  /** Values in all tensors. */
  parameters: number
  /** The first draft model, if one was named. All bytes below include it, the others and the heads. */
  draft: (DraftFacts & { architecture: string }) | null
  /** Bytes of the files, headers included. */
  downloadBytes: number
  /** Bytes on the GPU: exactly what `stats().gpuBytes` says once loaded. */
  gpuBytes: { weights: number; kv: number; work: number; total: number }
  /** Positions per request that `gpuBytes` is for. */
  contextLength: number
  /**
   * Bytes of keys and values that a position takes, of one request. `gpuBytes.kv` is this for each of `maxConcurrent`
   * contexts in whole blocks of 64 positions; for fewer, down to one, where that is more than 512 MiB or than a buffer
   * holds.
   */
  kvBytesPerPosition: number
  /** Whether this device has buffers of the sizes that are needed. How much memory there is, no browser tells. */
  fits: boolean
  /** Why it does not fit, with numbers. */
  reason?: string
  /** The greatest `contextLength` that fits, in positions, up to the model's own; 0 if none does. */
  largestContextThatFits: number
}
