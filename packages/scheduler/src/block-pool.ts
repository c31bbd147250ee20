/**
 * KV blocks: who holds them, and what is in those that nobody holds. A block is BLOCK_SIZE positions at the same place
 * in every layer of every model's cache. One that is full and computed is published, and shared by whoever has the same
 * tokens up to its end. When its last holder lets it go it stays until its place is needed, longest unused first.
 */
import type { Prefix } from './prefix'

export const BLOCK_SIZE = 64

interface Content extends Prefix {
  /** The draft model's keys and values are there too. */
  hasDraft: boolean
}

export class BlockPool {
  readonly #numHolders: Uint32Array
  readonly #empty: number[]
  /** Published and held by nobody, longest unused first. */
  readonly #idle = new Set<number>()
  readonly #contents: Array<Content | undefined>
  readonly #published = new Map<number, number>() // hash to block

  constructor(readonly numBlocks: number) {
    this.#numHolders = new Uint32Array(numBlocks)
    this.#contents = new Array(numBlocks)
    this.#empty = Array.from({ length: numBlocks }, (_, i) => numBlocks - 1 - i)
  }

  /** Blocks that can be taken: some of them still hold what may be wanted again. */
  get numFree(): number {
    return this.#empty.length + this.#idle.size
  }

  /** Blocks that hold something for nobody. */
  get numIdle(): number {
    return this.#idle.size
  }

  /** A block for one holder, its content forgotten; undefined where all are held. */
  take(): number | undefined {
    const block = this.#empty.pop() ?? this.#evict()
    if (block !== undefined) this.#numHolders[block] = 1
    return block
  }

  /** One holder more of a published block. */
  share(block: number): void {
    this.#numHolders[block]!++
    this.#idle.delete(block)
  }

  /** A sequence's blocks lose a holder; the last of them, which fewer can share, is forgotten first. */
  release(blocks: readonly number[]): void {
    for (const block of [...blocks].reverse()) {
      if (--this.#numHolders[block]! > 0) continue
      if (this.#contents[block]) this.#idle.add(block)
      else this.#empty.push(block)
    }
  }

  /** The block with these tokens behind these: the hash finds it, the tokens prove it. */
  find(prefix: Prefix): number | undefined {
    const block = this.#published.get(prefix.hash)
    const content = block === undefined ? undefined : this.#contents[block]!
    return content && isSame(content, prefix) ? block : undefined
  }

  /** Whether a block of such tokens is held by someone, as far as hashes tell. */
  isHeld({ hash }: Prefix): boolean {
    const block = this.#published.get(hash)
    return block !== undefined && this.#numHolders[block]! > 0
  }

  /** The block is full and computed. Where there is one like it already, that one stays the one to be found. */
  publish(block: number, prefix: Prefix): void {
    if (this.#published.has(prefix.hash)) return
    this.#published.set(prefix.hash, block)
    this.#contents[block] = { ...prefix, hasDraft: false }
  }

  /** The draft model has computed all of the block as well. */
  markDraft(block: number): void {
    const content = this.#contents[block]
    if (content) content.hasDraft = true
  }

  hasDraft(block: number): boolean {
    return this.#contents[block]?.hasDraft === true
  }

  /** Forgets what nobody holds: someone else has written there. */
  forgetIdle(): void {
    for (let block = this.#evict(); block !== undefined; block = this.#evict()) this.#empty.push(block)
  }

  #evict(): number | undefined {
    const [block] = this.#idle
    if (block === undefined) return undefined
    this.#idle.delete(block)
    this.#published.delete(this.#contents[block]!.hash)
    this.#contents[block] = undefined
    return block
  }
}

function isSame(content: Prefix, prefix: Prefix): boolean {
  if (content.end !== prefix.end) return false
  if (content.tokens === prefix.tokens) return true
  for (let i = 0; i < prefix.end; i++) if (content.tokens[i] !== prefix.tokens[i]) return false
  return true
}

export const blocksFor = (positions: number): number => Math.ceil(positions / BLOCK_SIZE)
