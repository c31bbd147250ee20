import { BLOCK_SIZE } from './block-pool'
import type { Constraint } from './constraint'
import type { PolicyName } from './policies'
import type { Choice, DraftModel, Method } from './policy'
import { chainHash, type Prefix } from './prefix'
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
  /** Who decides where speculation is 'auto'; absent: the scheduler's own policy. */
  policy?: PolicyName
  /** Score the prompt only: every row's logits are wanted, nothing is generated. */
  scoreOnly?: boolean
  /** Who goes first, the higher the earlier; 0 where nothing is said. */
  priority?: number
  /** What its answer must match, as far as it has come; absent: anything. */
  constraint?: Constraint
}

export type FinishReason = 'stop' | 'length' | 'scored'

export type TokenSource = 'target' | 'lookup' | 'cache' | 'draft' | 'heads' | 'grammar'

/** What one step did for one sequence. */
export interface Progress {
  sequence: Sequence
  tokens: number[]
  sources: TokenSource[]
  choice: Choice
  /** As in the verdict. */
  margins?: readonly number[]
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
  /** Where its KV lies, BLOCK_SIZE positions each; some are shared with other sequences. */
  blocks: number[] = []
  /** So many of its blocks are full and may be found by others; and with the draft model's KV. */
  numPublished = 0
  numDraftPublished = 0
  finishReason: FinishReason | undefined
  /** Tokens that the step in flight may add; 0 when there is none. */
  numInFlight = 0
  /** Tokens of the prompt that a block held already. */
  numPromptShared = 0
  readonly #hashes: number[] = []

  constructor(
    readonly request: SequenceRequest,
    /** Positions that prompt and answer may fill. */
    readonly maxLength: number,
    /** Who is served first: the lowest. */
    readonly rank = 0,
  ) {
    this.tokens = [...request.prompt]
    this.promptLength = request.prompt.length
  }

  get length(): number {
    return this.tokens.length
  }

  /**
   * Only its last token has yet to go through the target: ready for a decode step. The first token is drawn without a
   * draft, whatever of the prompt was there already: where ids depend on drafts, they do not depend on that.
   */
  get decoding(): boolean {
    const hasBegun = !this.request.scoreOnly && this.length > this.promptLength
    return hasBegun && this.numComputed === this.length - 1
  }

  /**
   * Draft tokens that fit before maxLength and into its blocks whatever the step in flight adds, with one place left for
   * the target's own. Negative where not even the next row fits.
   */
  get room(): number {
    const places = Math.min(this.maxLength - 1, this.blocks.length * BLOCK_SIZE)
    return places - this.length - this.numInFlight
  }

  /** All its tokens up to the end of a full block. */
  prefix(block: number): Prefix {
    for (let at = this.#hashes.length; at <= block; at++) {
      const start = at * BLOCK_SIZE
      this.#hashes.push(chainHash(this.#hashes[at - 1] ?? 0, this.tokens, start, start + BLOCK_SIZE))
    }
    return { hash: this.#hashes[block]!, tokens: this.tokens, end: (block + 1) * BLOCK_SIZE }
  }

  /** Physical place of a position's KV, the same in both models' caches. */
  slotOf(position: number): number {
    return this.blocks[Math.floor(position / BLOCK_SIZE)]! * BLOCK_SIZE + (position % BLOCK_SIZE)
  }
}
