/** Turns positions that count from a sequence's length into absolute ones: place.wgsl. */
const PLACE_WORDS = 3

export function place(
  step: Uint32Array,
  lengths: Uint32Array, // [sequences]
  blocks: Uint32Array, // [sequences, blocksPerSequence]
  places: Uint32Array, // number of them, then PLACE_WORDS each
  { blocksPerSequence, block }: { blocksPerSequence: number; block: number },
): void {
  for (let i = 0; i < places[0]!; i++) {
    const [at, sequence, isRow] = places.subarray(1 + i * PLACE_WORDS) as unknown as [number, number, number]
    const length = lengths[sequence]!
    step[at]! += length
    if (isRow === 0) continue
    const tokenAt = (step[at + 2]! + length) >>> 0
    const physical = blocks[sequence * blocksPerSequence + Math.floor(tokenAt / block)]!
    step.set([physical * block + (tokenAt % block), tokenAt, step[at + 3]! + length], at + 1)
  }
}
