import { describe, expect, it } from 'vitest'
import { ADJUSTMENT_WORDS, adjustLogits, adjustmentWords, IN_PROMPT, penalised } from './adjust-logits'
import { BIASED, PENALISED, writeStep } from './step'

const neutral = { repetition: 1, presence: 0, frequency: 0 }

/** Adjusted logits of two sequences; `tokens` count as prompt or as output. */
function adjusted(
  logits: number[][],
  tokens: number[][],
  { penalties = neutral, biases = [] as [number, number][], inPrompt = true },
) {
  const vocab = logits[0]!.length
  const samples = tokens.map((ids, sequence) => ({
    row: sequence,
    sequence,
    position: ids.length,
    temperature: 0,
    topK: 0,
    topP: 1,
    minP: 0,
    seed: 0,
    draft: false,
    flags: BIASED | PENALISED,
  }))
  const counts = new Uint32Array(tokens.length * vocab)
  for (const [sequence, ids] of tokens.entries()) {
    for (const id of ids) counts[sequence * vocab + id]! += inPrompt ? 0 : 1
    if (inPrompt) for (const id of new Set(ids)) counts[sequence * vocab + id] = IN_PROMPT
  }
  const adjustments = new Uint32Array(tokens.length * ADJUSTMENT_WORDS)
  for (const sequence of tokens.keys()) {
    adjustments.set(adjustmentWords(penalties, biases), sequence * ADJUSTMENT_WORDS)
  }
  const all = new Float32Array(logits.flat())
  const sizes = { vocab, stride: vocab, context: 8, countStride: vocab }
  adjustLogits(writeStep([], samples), new Uint32Array(16), counts, adjustments, all, sizes)
  return tokens.map((_, sequence) => [...all.subarray(sequence * vocab, (sequence + 1) * vocab)])
}

describe('penalties', () => {
  it('of repetition are those of transformers', () => {
    // test_repetition_penalty_dist_process of transformers' tests/generation/test_logits_process.py
    const logits = [new Array<number>(10).fill(0.1), new Array<number>(10).fill(0.1)]
    logits[0]![0] = -0.1
    logits[1]![5] = 0.4
    const tokens = [
      [0, 1],
      [5, 0],
    ]
    for (const inPrompt of [true, false]) {
      const [first, second] = adjusted(logits, tokens, {
        penalties: { ...neutral, repetition: 2 },
        inPrompt,
      })
      expect(first!.map(value => value.toFixed(6))).toEqual(
        [-0.2, 0.05, ...new Array<number>(8).fill(0.1)].map(value => value.toFixed(6)),
      )
      expect(second!.map(value => value.toFixed(6))).toEqual(
        [0.05, 0.1, 0.1, 0.1, 0.1, 0.2, 0.1, 0.1, 0.1, 0.1].map(value => value.toFixed(6)),
      )
    }
  })

  it('of presence and frequency count the output only, as OpenAI does', () => {
    const penalties = { repetition: 1, presence: 0.5, frequency: 0.25 }
    expect(penalised(1, 0, penalties)).toBe(1)
    expect(penalised(1, IN_PROMPT, penalties)).toBe(1)
    expect(penalised(1, 1, penalties)).toBe(0.25)
    expect(penalised(1, IN_PROMPT + 3, penalties)).toBe(-0.25)
    expect(penalised(1, 3, { ...penalties, presence: -2, frequency: -1 })).toBe(6)
  })

  it('of repetition come first, and once however often a token stands there', () => {
    const penalties = { repetition: 2, presence: 0.5, frequency: 0.25 }
    expect(penalised(4, 3, penalties)).toBe(0.75)
    expect(penalised(-4, 3, penalties)).toBe(-9.25)
  })
})

it('adds the bias before the penalties', () => {
  const [row] = adjusted([[1, 1, -3]], [[2]], {
    penalties: { ...neutral, repetition: 2 },
    biases: [
      [0, -100],
      [2, 5],
    ],
  })
  expect(row).toEqual([-99, 1, 1])
})
