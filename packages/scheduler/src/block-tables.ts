/**
 * Which blocks each sequence holds: its own as it grows, and others' where they hold the same tokens. Of draft models the
 * first one's keys and values are shared too; further ones compute theirs anew, to the same bits.
 */
import { BLOCK_SIZE, BlockPool, blocksFor } from './block-pool'
import { DRAFT_MODELS } from './policy'
import type { Sequence } from './sequence'

export class BlockTables {
  readonly pool: BlockPool
  /** Tokens that did not have to be computed: a block that held them was there. */
  numTokensShared = 0
  readonly #changed = new Set<Sequence>()

  constructor(numBlocks: number) {
    this.pool = new BlockPool(numBlocks)
  }

  /** Gives blocks for the first `positions` positions, if there are so many. */
  grow(sequence: Sequence, positions: number): boolean {
    const missing = blocksFor(positions) - sequence.blocks.length
    if (missing > this.pool.numFree) return false
    for (let i = 0; i < missing; i++) this.#append(sequence, this.pool.take()!)
    return true
  }

  /** Takes over blocks with the tokens that come next. The last token is left to compute: its logits are wanted. */
  adopt(sequence: Sequence): void {
    for (;;) {
      const at = sequence.blocks.length
      const end = (at + 1) * BLOCK_SIZE
      // Blocks of its own are already there, or its prompt ends here.
      if (sequence.numComputed !== at * BLOCK_SIZE || end >= sequence.length) return
      const block = this.pool.find(sequence.prefix(at))
      if (block === undefined) return
      this.pool.share(block)
      this.#append(sequence, block)
      const { numDraftComputed } = sequence
      if (numDraftComputed.draft === sequence.numComputed && this.pool.hasDraft(block))
        numDraftComputed.draft = end
      sequence.numComputed = end
      sequence.numPublished = at + 1
      this.numTokensShared += BLOCK_SIZE
      if (sequence.length === sequence.promptLength) sequence.numPromptShared = end
    }
  }

  /** Makes known which of its blocks are full and computed. */
  publish(sequence: Sequence): void {
    const { blocks } = sequence
    const numFull = (computed: number): number => Math.floor(computed / BLOCK_SIZE)
    for (; sequence.numPublished < numFull(sequence.numComputed); sequence.numPublished++)
      this.pool.publish(blocks[sequence.numPublished]!, sequence.prefix(sequence.numPublished))
    const numWithDraft = Math.min(sequence.numPublished, numFull(sequence.numDraftComputed.draft))
    for (; sequence.numDraftPublished < numWithDraft; sequence.numDraftPublished++)
      this.pool.markDraft(blocks[sequence.numDraftPublished]!)
  }

  /** Takes all blocks from it, and with them all that was computed. */
  release(sequence: Sequence): void {
    this.pool.release(sequence.blocks)
    this.#changed.delete(sequence)
    sequence.blocks = []
    sequence.numComputed = 0
    for (const model of DRAFT_MODELS) sequence.numDraftComputed[model] = 0
    sequence.hasState = false
    sequence.numPublished = 0
    sequence.numDraftPublished = 0
  }

  /** Blocks that it lacks for its tokens and one block more; those it would share with a running sequence are there. */
  missing(sequence: Sequence): number {
    const wanted = blocksFor(Math.min(sequence.maxLength, sequence.length + BLOCK_SIZE))
    let there = sequence.blocks.length
    while ((there + 1) * BLOCK_SIZE < sequence.length && this.pool.isHeld(sequence.prefix(there))) there++
    return Math.max(0, wanted - there)
  }

  /** Sequences whose tables have changed since this was asked last. */
  takeChanged(): Sequence[] {
    const changed = [...this.#changed]
    this.#changed.clear()
    return changed
  }

  #append(sequence: Sequence, block: number): void {
    sequence.blocks.push(block)
    this.#changed.add(sequence)
  }
}
