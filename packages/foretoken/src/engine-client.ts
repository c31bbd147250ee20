/** An engine in a Web Worker, as the page sees it. */
import type {
  DraftAdvice,
  DraftCandidate,
  EngineStats,
  ForwardResult,
  GenerateOptions,
  StepEvent,
  TokenBatch,
} from '@foretoken/engine/types'
import { abortedError } from '@foretoken/errors'
import { chatCompletions } from './chat-completions.ts'
import { checkOptions } from './check-options.ts'
import type { LoadedModel } from './protocol.ts'
import { pushStream } from './push-stream.ts'
import type { ChatCompletions, Engine } from './types.ts'
import type { WorkerLink } from './worker-link.ts'

export class EngineClient implements Engine {
  readonly chat: { readonly completions: ChatCompletions }
  readonly #link: WorkerLink
  #disposed: Promise<void> | undefined

  constructor(link: WorkerLink, model: LoadedModel) {
    this.#link = link
    this.chat = { completions: chatCompletions(model.name, options => this.generate(options)) }
  }

  async *generate(request: GenerateOptions): AsyncGenerator<TokenBatch, void, void> {
    checkOptions(request)
    const { signal, ...options } = request
    const call = { phase: 'generate', signal }
    yield* pushStream<TokenBatch>(this.#link, (remote, port) => remote.generate(options, port), call)
  }

  async *steps(options: { signal?: AbortSignal } = {}): AsyncGenerator<StepEvent, void, void> {
    checkOptions(options)
    const call = { phase: 'steps', signal: options.signal }
    yield* pushStream<StepEvent>(this.#link, (remote, port) => remote.steps(port), call)
  }

  tokenize(text: string): Promise<number[]> {
    return this.#link.call(remote => remote.tokenize(text))
  }

  forward(tokens: readonly number[]): Promise<ForwardResult> {
    return this.#link.call(remote => remote.forward(tokens))
  }

  stats(): Promise<EngineStats> {
    return this.#link.call(remote => remote.stats())
  }

  adviseDraft(candidates?: readonly DraftCandidate[]): Promise<DraftAdvice[]> {
    return this.#link.call(remote => remote.adviseDraft(candidates))
  }

  clearNgramCache(): Promise<void> {
    return this.#link.call(remote => remote.clearNgramCache())
  }

  dispose(): Promise<void> {
    this.#disposed ??= this.#link.dispose(abortedError('dispose'))
    return this.#disposed
  }
}
