/** Keys and values of the path taken through a tree, to the slots of their positions: move-kv.wgsl. */
import { BLOCK, copySlot, type KvLayout } from './kv-layout'
import { NUM_VERDICTS, PATH_AT, RESULT_WORDS, VERDICT_WORDS, VERDICTS_AT } from './step'

export function moveKv(
  step: Uint32Array,
  verdicts: Uint32Array, // [sequences, RESULT_WORDS]
  blocks: Uint32Array, // [sequences, blocksPerSequence]
  kv: Uint32Array,
  layout: KvLayout,
  blocksPerSequence: number,
): void {
  for (let v = 0; v < step[NUM_VERDICTS]!; v++) {
    const record = step[VERDICTS_AT]! + v * VERDICT_WORDS
    const [sequence, length, , , stopWord] = step.subarray(record) as unknown as number[]
    if (stopWord! <= 0xff) continue
    const result = sequence! * RESULT_WORDS
    const path = new Uint8Array(verdicts.buffer, (result + PATH_AT) * 4)
    const slotOf = (position: number) =>
      blocks[sequence! * blocksPerSequence + Math.floor(position / BLOCK)]! * BLOCK + (position % BLOCK)
    const base = length! - 1
    for (let depth = 1; depth < verdicts[result]!; depth++) {
      if (path[depth] !== depth) copySlot(kv, layout, slotOf(base + depth), slotOf(base + path[depth]!))
    }
  }
}
