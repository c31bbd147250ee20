import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kernels } from './index'
import { chunksPerHead, kvWords } from './reference/kv-layout'
import { moveKv } from './reference/move-kv'
import { Random } from './reference/random'
import { runKernel } from './reference/run-kernel'
import { PATH_AT, RESULT_WORDS, type Verdict, writeStep } from './reference/step'

const numSequences = 3
const blocksPerSequence = 3
const numBlocks = 11

describe('move-kv', () => {
  it('agrees with its reference, over block borders, for trees and chains', async () => {
    const property = fc.asyncProperty(
      fc.nat(),
      fc.integer({ min: 1, max: 3 }),
      fc.constantFrom(8, 20, 64),
      fc.boolean(),
      fc.nat(3),
      async (seed, kvHeads, headDim, kvF16, section) => {
        const random = new Random(seed)
        const layout = { kvHeads, headDim, kvF16 }
        const blocks = new Uint32Array(random.shuffled(numBlocks).slice(0, numSequences * blocksPerSequence))
        const results = new Uint32Array(numSequences * RESULT_WORDS)
        const verdicts: Verdict[] = []
        for (let sequence = 0; sequence < numSequences; sequence++) {
          // A path of nodes among 31, ascending, the root first; around the border of a block.
          const path = [
            0,
            ...random
              .shuffled(31)
              .slice(0, random.integer(0, 12))
              .map(node => node + 1),
          ]
          path.sort((a, b) => a - b)
          results[sequence * RESULT_WORDS] = path.length
          new Uint8Array(results.buffer, (sequence * RESULT_WORDS + PATH_AT) * 4).set(path)
          const length = random.integer(40, 130)
          verdicts.push({ sequence, length, firstSample: 0, depth: 31, stops: [], isTree: sequence !== 1 })
        }
        const step = writeStep([], [], verdicts)
        const kv = new Uint32Array(kvWords(layout, numBlocks)).map(() => random.word())
        const expected = kv.slice()
        moveKv(step, results, blocks, expected, layout, blocksPerSequence)
        await runKernel({
          kernel: kernels.moveKv,
          params: { CHUNKS: chunksPerHead(layout), BLOCKS_PER_SEQUENCE: blocksPerSequence },
          data: [step, results, blocks, kv, new Uint32Array([kvHeads, 0, 0, 0])],
          groups: [verdicts.length],
          stepOffset: section * 256,
        })
        expect(kv).toEqual(expected)
      },
    )
    await fc.assert(property, { numRuns: 25 })
  })
})
