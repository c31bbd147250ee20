import { BLOCK_SIZE } from './block-pool'
import type { Choice, DraftModel, Method } from './policy'
import type { Verification } from './verification'

export interface Sampling {
  temperature: number
  topK: number
  topP: number
  minP: number
  seed: number
  /** Absent where all are neutral. */
  penalties?: Penalties
  /** What is added to the logits of which ids; absent where there is none. */
  logitBias?: ReadonlyArray<readonly [token: number, bias: number]>
}

/** Against repeating a token of prompt or output; a token of the output, once, and by its count. */
export interface Penalties {
  repetition: number
  presence: number
  frequency: number
}

export interface SequenceRequest {
  prompt: readonly number[]
  maxTokens: number
  sampling: Sampling
  /** How many of the most likely tokens have their log-probabilities told, beside the one drawn; absent: no one's. */
  logProbs?: number
  /** Ids that end the sequence; at most 11, as many as a verdict record holds. */
  endIds: readonly number[]
  speculation: 'auto' | 'off' | { method: Method; depth: number }
  /** How its drafts are judged; absent: by shared noise. Else its ids depend on how far they reach. */
  verification?: Exclude<Verification, 'shared-noise'>
  /** Score the prompt only: every row's logits are wanted, nothing is generated. */
  scoreOnly?: boolean
}

export type FinishReason = 'stop' | 'length' | 'scored'

export type TokenSource = 'target' | 'lookup' | 'cache' | 'draft' | 'heads'

/** What one step did for one sequence. */
export interface Progress {
  sequence: Sequence
  tokens: number[]
  sources: TokenSource[]
  choice: Choice
}

/** One request: its tokens, how far each model's KV reaches, and where that KV lies. */
export class Sequence {
  readonly tokens: number[]
  readonly promptLength: number
  /** Positions [0, numComputed) have their KV in the target's cache. */
  numComputed = 0
  /** The same for the draft models, which may lag behind. */
  readonly numDraftComputed: Record<DraftModel, number> = { draft: 0, 'draft-2': 0, 'draft-3': 0 }
  /** The target's state that the last token was drawn from is on the GPU, where heads find it. */
  hasState = false
  /** Place in the GPU's per-sequence arrays; -1 while waiting. */
  index = -1
  blocks: number[] = []
  finishReason: FinishReason | undefined
  /** Tokens that the step in flight may add; 0 when there is none. */
  numInFlight = 0

  constructor(
    readonly request: SequenceRequest,
    /** Positions that prompt and answer may fill. */
    readonly maxLength: number,
  ) {
    this.tokens = [...request.prompt]
    this.promptLength = request.prompt.length
  }

  get length(): number {
    return this.tokens.length
  }

  /** Only its last token has yet to go through the target: ready for a decode step. */
  get decoding(): boolean {
    return !this.request.scoreOnly && this.numComputed === this.length - 1
  }

  /** Draft tokens that fit before maxLength whatever the step in flight adds, with one place left for the target's own. */
  get room(): number {
    return this.maxLength - this.length - this.numInFlight - 1
  }

  /** Physical place of a position's KV, the same in both models' caches. */
  slotOf(position: number): number {
    return this.blocks[Math.floor(position / BLOCK_SIZE)]! * BLOCK_SIZE + (position % BLOCK_SIZE)
  }
}
