import { describe, expect, it } from 'vitest'
import { kernels } from './index'
import { expectClose } from './reference/expect-close'
import { headInput, headState, keepState } from './reference/heads'
import { Random } from './reference/random'
import { runKernel } from './reference/run-kernel'
import { PATH_AT, plainRow, RESULT_WORDS, type Sample, writeStep } from './reference/step'

const stride = 192
const numSequences = 4
const sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0, draft: true }
const random = new Random(1)
const floats = (length: number) => new Float32Array(length).map(() => random.float())

describe('heads', () => {
  it('keep the state that the last token was drawn from, in chains and trees', async () => {
    const verdicts = [
      { sequence: 2, length: 5, firstSample: 0, depth: 3, stops: [] },
      { sequence: 0, length: 9, firstSample: 4, depth: 5, stops: [7], isTree: true },
      { sequence: 3, length: 1, firstSample: 10, depth: 0, stops: [] },
    ]
    const step = writeStep([], [], verdicts)
    const results = new Uint32Array(numSequences * RESULT_WORDS)
    results[2 * RESULT_WORDS] = 3
    results.set([3], 0)
    new Uint8Array(results.buffer, PATH_AT * 4).set([0, 2, 5])
    results[3 * RESULT_WORDS] = 1
    const normed = floats(11 * stride)
    const states = floats(numSequences * stride)
    const expected = states.slice()
    keepState(step, results, normed, expected, stride)
    // The third of the chain, the tree's node 5, the only one.
    for (const [sequence, sample] of [
      [2, 2],
      [0, 9],
      [3, 10],
    ] as const) {
      expect(expected[sequence * stride + 7]).toBe(normed[sample * stride + 7])
    }
    await runKernel({
      kernel: kernels.keepState,
      data: [step, results, normed, states, new Uint32Array([stride, 0, 0, 0])],
      groups: [verdicts.length],
      stepOffset: 256,
    })
    expect(states).toEqual(expected)
  })

  it('begin from the states of their rows', async () => {
    const step = writeStep([plainRow(3, 9), plainRow(1, 4), plainRow(0, 2)])
    const [states, x] = [floats(numSequences * stride), floats(3 * stride)]
    const expected = x.slice()
    headInput(step, states, expected, stride)
    await runKernel({
      kernel: kernels.headInput,
      data: [step, states, x, new Uint32Array([stride, 0, 0, 0])],
      groups: [3],
    })
    expect(x).toEqual(expected)
  })

  it('add what their matrix says to the state', async () => {
    const numHeads = 3
    const rows = [plainRow(3, 9), plainRow(1, 4)]
    const samples = [
      { row: 0, head: 0 },
      { row: 0, head: 2, children: { count: 3, skip: 4 } },
      { row: 1, head: 1 },
    ].map((sample): Sample => ({ ...sampling, sequence: 0, position: 0, ...sample }))
    const step = writeStep(rows, samples)
    const [x, products, y] = [floats(2 * stride), floats(2 * numHeads * stride), floats(3 * stride)]
    const expected = y.slice()
    headState(step, x, products, expected, stride, numHeads)
    await runKernel({
      kernel: kernels.headState,
      data: [step, x, products, y, new Uint32Array([stride, numHeads, 0, 0])],
      groups: [samples.length],
      stepOffset: 512,
    })
    expectClose(y, expected, { relative: 1e-6, absolute: 1e-6 })
  })
})
