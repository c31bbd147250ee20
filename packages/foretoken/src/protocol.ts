/** What crosses the worker's border: plain data only, every message a tagged union. */
import type {
  DraftAdvice,
  DraftCandidate,
  EngineOptions,
  EngineStats,
  ForwardResult,
  GenerateOptions,
  LoadProgress,
  ModelSource,
  Preflight,
  StepEvent,
  StorageUse,
  StoredModel,
  TokenBatch,
} from '@foretoken/engine/types'
import type { WireError } from '@foretoken/errors'

/** A source without names that only the page can resolve: addresses are absolute. */
export type WireSource = Exclude<ModelSource, 'bundled' | URL>

export interface WireEngineOptions
  extends Omit<EngineOptions, 'model' | 'draft' | 'heads' | 'grammars' | 'onProgress' | 'signal'> {
  model: WireSource
  draft?: WireSource[]
  heads?: WireSource
  grammars?: string
}

export type WireGenerateOptions = Omit<GenerateOptions, 'signal'>

/** The outcome of a call. Comlink's own way of throwing drops an error's fields. */
export type Outcome<T> = { ok: true; value: T } | { ok: false; error: WireError }

/** What the client knows once the engine is loaded. */
export interface LoadedModel {
  name: string
}

/** The calls that go through Comlink. */
export interface WorkerSurface {
  /** `port` carries LoadMessage to the client and ClientMessage to the worker. */
  load(options: WireEngineOptions, port: MessagePort): Promise<Outcome<LoadedModel>>
  /** The same port, though nothing is told over it. */
  preflight(options: WireEngineOptions, port: MessagePort): Promise<Outcome<Preflight>>
  /** Resolves when the request has ended; its batches and its end go over `port`, pushed. */
  generate(options: WireGenerateOptions, port: MessagePort): Promise<void>
  /** The same for what steps do, as long as the client listens. */
  steps(port: MessagePort): Promise<void>
  tokenize(text: string): Promise<Outcome<number[]>>
  forward(tokens: readonly number[]): Promise<Outcome<ForwardResult>>
  stats(): Promise<Outcome<EngineStats>>
  adviseDraft(candidates?: readonly DraftCandidate[]): Promise<Outcome<DraftAdvice[]>>
  clearNgramCache(): Promise<Outcome<void>>
  listModels(): Promise<Outcome<StoredModel[]>>
  storageUse(): Promise<Outcome<StorageUse>>
  deleteModel(source: WireSource): Promise<Outcome<boolean>>
  dispose(): Promise<Outcome<void>>
}

/** Worker to client while loading. */
export type LoadMessage = { type: 'progress'; progress: LoadProgress }

/** Worker to client, pushed: one `item` per step, then exactly one `end` or `error`. */
export type PushMessage<T extends TokenBatch | StepEvent> =
  | { type: 'item'; item: T }
  | { type: 'end' }
  | { type: 'error'; error: WireError }

/** Client to worker, over the port of a load or of what is pushed. */
export type ClientMessage = { type: 'abort' }
