/** The engine in use. A new one takes its place only once it is loaded, so a failure costs nothing. */
import { createEngine, type Engine, type EngineStats, type LoadProgress } from 'foretoken'
import type { ModelChoice } from './model-choice.ts'

export interface LoadedEngine {
  engine: Engine
  stats: EngineStats
  choice: ModelChoice
}

export class EngineSlot {
  #loaded: LoadedEngine | undefined
  #loading: AbortController | undefined

  get loaded(): LoadedEngine | undefined {
    return this.#loaded
  }

  get isLoading(): boolean {
    return this.#loading !== undefined
  }

  /** Throws EngineError; `aborted` when cancelled or overtaken by a later load. */
  async load(choice: ModelChoice, onProgress: (progress: LoadProgress) => void): Promise<LoadedEngine> {
    this.cancel()
    const loading = new AbortController()
    this.#loading = loading
    const { signal } = loading
    try {
      const { model, draft } = choice
      const tell = (progress: LoadProgress) => {
        if (this.#loading === loading) onProgress(progress)
      }
      const engine = await createEngine({ model, ...(draft ? { draft } : {}), onProgress: tell, signal })
      const loaded = { engine, stats: await statsOf(engine, signal), choice }
      await this.free()
      this.#loaded = loaded
      return loaded
    } finally {
      if (this.#loading === loading) this.#loading = undefined
    }
  }

  cancel(): void {
    this.#loading?.abort()
    this.#loading = undefined
  }

  /** Gives the memory back: also before another try with a big model, or after the device is lost. */
  async free(): Promise<void> {
    const freed = this.#loaded
    this.#loaded = undefined
    await freed?.engine.dispose().catch(() => {}) // an engine that is broken already has nothing left to free
  }
}

async function statsOf(engine: Engine, signal: AbortSignal): Promise<EngineStats> {
  try {
    const stats = await engine.stats()
    signal.throwIfAborted()
    return stats
  } catch (error) {
    await engine.dispose()
    throw error
  }
}
