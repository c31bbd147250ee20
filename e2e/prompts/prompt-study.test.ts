import { lookup } from '@foretoken/scheduler'
import { expect, it } from 'vitest'
import { humanEval, specBench } from './conversations'
import { matchFigures } from './match-figures'
import { promptStudy } from './prompt-study'
import { replay, stepsOf } from './replay'

/** A letter is a token. */
const encode = (text: string) => [...text].map(letter => letter.charCodeAt(0))

it('replays a copy: one miss, one long guess that ends with the text', () => {
  const places = replay(encode('abcdef.'), encode('abcdef'), lookup)
  // Behind the point nothing is known; behind each letter of the copy all the others are, as far as the text goes.
  expect(places.map(({ offered }) => offered)).toEqual([0, 5, 4, 3, 2, 1])
  expect(places.map(({ accepted }) => accepted)).toEqual([0, 5, 4, 3, 2, 1])
  expect(stepsOf(places, 16)).toEqual([
    { offered: 0, accepted: 0 },
    { offered: 5, accepted: 5 },
  ])
  expect(stepsOf(places, 1).map(({ accepted }) => accepted)).toEqual([0, 1, 1, 1])
})

it('counts a guess that fails, and ends behind it', () => {
  // 'ab' was followed by 'cd', now it is by 'xd'; behind 'x' nothing is known.
  const places = replay(encode('abcd ab'), encode('xd'), lookup)
  expect(places).toEqual([
    { offered: 2, accepted: 0 },
    { offered: 0, accepted: 0 },
  ])
})

it('makes figures of places: Kaplan and Meier, where guesses are cut short', () => {
  const at = (offered: number, accepted: number) => ({ offered, accepted })
  // Three texts of one step each: held 2 of 2, failed at once, failed after 1 of 4; and one without a guess.
  const figures = matchFigures([[at(2, 2), at(1, 1), at(0, 0)], [at(4, 0)], [at(4, 1), at(3, 0)], [at(0, 0)]])
  expect(figures).toMatchObject({ tokens: 7, hitRate: 3 / 4, meanMatch: 1 })
  // Two of three held the first token, one of those two the second; the third was reached by none.
  expect(figures.survival.slice(0, 4)).toEqual([2 / 3, (2 / 3) * (1 / 2), 0, 0])
  expect(figures.survival).toHaveLength(16)
  // At depth 1 the first text takes two steps.
  expect(figures.tokensPerStep).toEqual({ 1: 7 / 5, 2: 7 / 4, 4: 7 / 4, 8: 7 / 4, 16: 7 / 4 })
})

it('reads the sets: answers by turn, alternatives together, empty ones as none', () => {
  const lines = [
    { question_id: 1, category: 'coding', turns: ['a', 'b'], reference: ['c', ''] },
    { question_id: 2, category: 'rag', turns: ['d'], reference: [['e', 'f']] },
    { question_id: 3, category: 'qa', turns: ['g'] },
  ]
  expect(specBench(lines.map(line => `${JSON.stringify(line)}\n`).join(''))).toEqual([
    {
      category: 'coding',
      turns: [
        { prompt: 'a', answer: 'c' },
        { prompt: 'b', answer: undefined },
      ],
    },
    { category: 'rag', turns: [{ prompt: 'd', answer: 'e, f' }] },
    { category: 'qa', turns: [{ prompt: 'g', answer: undefined }] },
  ])
  const [first] = humanEval(`${JSON.stringify({ prompt: 'def f():', canonical_solution: ' pass' })}\n`)
  expect(first).toEqual({ category: 'HumanEval', turns: [{ prompt: 'def f():', answer: ' pass' }] })
})

it('tells by category what lookup finds in the text, and the cache in the conversations before it', () => {
  const turn = (prompt: string, answer?: string) => ({ prompt, answer })
  const { categories, runs } = promptStudy(
    [
      { category: 'copy', turns: [turn('abcdef.', 'abcdef')] },
      { category: 'habit', turns: [turn('1', 'uvwxyz')] },
      { category: 'habit', turns: [turn('2', 'uvwxyz')] },
      { category: 'habit', turns: [turn('3', 'uvwxyz')] },
      { category: 'halves', turns: [turn('mnop'), turn('mnop')] },
    ],
    encode,
  )
  const of = (category: string, drafter: string) =>
    categories.find(figures => figures.category === category && figures.drafter === drafter)!
  expect(of('copy', 'lookup')).toMatchObject({ tokens: 6, answers: 1, halves: 0, hitRate: 0.5, meanMatch: 5 })
  expect(of('habit', 'lookup')).toMatchObject({ tokens: 18, hitRate: 0 })
  // Strict thresholds: seen twice before, so only the third answer is known, from its second n-gram on.
  expect(of('habit', 'cache').hitRate).toBeGreaterThan(0)
  expect(of('halves', 'lookup')).toMatchObject({ tokens: 4, answers: 0, halves: 1 })
  expect(runs.map(run => [run.category, run.promptTokens])).toEqual([
    ['copy', 7],
    ['habit', 1],
    ['habit', 1],
    ['habit', 1],
    ['halves', 4],
  ])
  expect(runs[0]!.outcomes.lookup).toEqual([-1, 5, 4, 3, 2, 1])
})
