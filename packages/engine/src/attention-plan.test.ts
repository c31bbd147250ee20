import { Sequence } from '@foretoken/scheduler'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type AttentionLimits, planAttention } from './attention-plan'

const limits: AttentionLimits = {
  tiles: [1, 2, 4, 8],
  walkTile: 8,
  maxRowSplits: 100,
  maxTileSplits: 50,
  alwaysWalk: false,
  appends: false,
  cpu: undefined,
}

const sequences = Array.from(
  { length: 3 },
  () =>
    new Sequence(
      {
        prompt: [1],
        maxTokens: 1,
        sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0 },
        endIds: [],
        speculation: 'off',
      },
      512,
    ),
)

const passOf = (runs: ReadonlyArray<{ sequence: number; start: number; count: number }>) => ({
  rows: runs.flatMap(({ sequence, start, count }) =>
    Array.from({ length: count }, (_, i) => ({ sequence: sequences[sequence]!, position: start + i })),
  ),
  samples: [],
  verdicts: [],
})

it('cuts every row into one tile of its own sequence, and stays within the buffers', () => {
  const run = fc.record({ sequence: fc.nat(2), start: fc.nat(300), count: fc.integer({ min: 1, max: 40 }) })
  fc.assert(
    fc.property(fc.array(run, { minLength: 1, maxLength: 6 }), runs => {
      const pass = passOf(runs)
      const { rows } = pass
      const plan = planAttention(pass, limits)
      expect(
        plan.tiles.flatMap(({ first, rows }) => Array.from({ length: rows }, (_, i) => first + i)),
      ).toEqual(rows.map((_, i) => i))
      for (const tile of plan.tiles) {
        const members = rows.slice(tile.first, tile.first + tile.rows)
        expect(new Set(members.map(row => row.sequence)).size).toBe(1)
        expect(tile.rows).toBeLessThanOrEqual(plan.tileRows)
        expect(tile.end).toBe(Math.max(...members.map(row => row.position)) + 1)
        expect(tile.splits).toBe(Math.ceil(tile.end / 64))
        expect(tile.splits).toBeLessThanOrEqual(plan.splits)
      }
      if (plan.walk) expect(plan.tileRows).toBe(8)
      else expect(rows.length * plan.splits).toBeLessThanOrEqual(limits.maxRowSplits)
    }),
  )
})

it('takes the smallest tile that covers the longest run', () => {
  const plan = (...counts: number[]) =>
    planAttention(passOf(counts.map((count, sequence) => ({ sequence, start: 9, count }))), limits)
  expect(plan(1, 1).tileRows).toBe(1)
  expect(plan(1, 3).tileRows).toBe(4)
  expect(plan(1, 5, 2).tiles.map(tile => tile.rows)).toEqual([1, 5, 2])
  expect(plan(17).tiles.map(tile => tile.rows)).toEqual([8, 8, 1])
})

it("knows what a draft tree's rows see", () => {
  const sequence = sequences[0]!
  const node = (index: number, mask: number) => ({ index, parent: 0, base: 63, mask })
  const rows = [
    { sequence, position: 62 },
    { sequence, position: 63, node: node(0, 0b1) },
    { sequence, position: 63, node: node(1, 0b10) },
    { sequence, position: 64, node: node(2, 0b101) },
  ]
  expect(planAttention({ rows, samples: [], verdicts: [] }, limits)).toEqual({
    tileRows: 4,
    tiles: [{ first: 0, rows: 4, splits: 2, end: 66, nodesFrom: 63 }],
    splits: 2,
    walk: false,
    tree: true,
    append: false,
  })
})

it('appends where each sequence has one row, and no more than a round is lost by it', () => {
  const append = (cpu: AttentionLimits['cpu'], ...runs: Parameters<typeof passOf>[0]) =>
    planAttention(passOf(runs), { ...limits, appends: true, cpu }).append
  const run = (sequence: number, start: number, count = 1) => ({ sequence, start, count })
  const cores = (atOnce: number) => ({ groups: 1, atOnce })
  expect(append(cores(2), run(0, 100), run(1, 9), run(2, 63))).toBe(true)
  expect(append(cores(2), run(0, 100), run(1, 9, 2))).toBe(false)
  expect(append(cores(2), run(0, 100), run(0, 101))).toBe(false)
  expect(append(undefined, run(0, 100))).toBe(false)
  // One row: as many rounds as splits, and half of them if two run at once.
  expect([63, 64, 128, 192].map(start => append(cores(2), run(0, start)))).toEqual([true, true, true, false])
  expect([63, 64, 128, 192].map(start => append(cores(16), run(0, start)))).toEqual([
    true,
    true,
    false,
    false,
  ])
  expect(append({ groups: 2, atOnce: 2 }, run(0, 500))).toBe(true)
})

it('walks on a CPU where nothing is lost by it', () => {
  const cpu = { groups: 1, atOnce: 2 }
  const walk = (start: number, count: number, options = {}) => {
    const pass = passOf([{ sequence: 0, start, count }])
    return planAttention(pass, { ...limits, tiles: [1, 2], walkTile: 2, cpu }, options).walk
  }
  // One tile of two rows, then two tiles, on two cores.
  expect([walk(20, 2), walk(80, 2), walk(20, 3), walk(80, 3)]).toEqual([true, false, true, true])
  expect(walk(20, 1)).toBe(false) // there is a smaller tile
  expect(walk(20, 2, { walk: false })).toBe(false)
})

it('bounds what rows of a step planned ahead may see', () => {
  const sequence = sequences[0]!
  sequence.numInFlight = 5
  const rows = [-1, 0].map(position => ({ sequence, position }))
  const { tiles, splits } = planAttention({ rows, samples: [], verdicts: [] }, limits, { isAhead: true })
  const latest = Math.min(sequence.length + 5, sequence.maxLength - 1)
  expect(splits).toBe(Math.floor(latest / 64) + 1)
  expect(tiles).toMatchObject([{ first: 0, rows: 2, splits, end: latest + 1 }])
  sequence.numInFlight = 0
})

it('of a tree that is planned ahead knows the slots where its nodes may lie', () => {
  const sequence = sequences[0]! // of one token
  const step = { length: sequence.length, inFlight: 5 }
  sequence.numInFlight = step.inFlight
  // The last token and two nodes that follow it, counted from a length that only the GPU knows.
  const rows = [0b1, 0b11, 0b101].map((mask, index) => {
    return { sequence, position: index === 0 ? -1 : 0, node: { index, parent: 0, base: -1, mask } }
  })
  const plan = planAttention({ rows, samples: [], verdicts: [] }, limits, { isAhead: true })
  const first = step.length // at least one token will have come
  const last = step.length + step.inFlight - 1
  expect(plan).toMatchObject({ tree: true, tiles: [{ first: 0, rows: 3, nodesFrom: first, end: last + 3 }] })
  sequence.numInFlight = 0
})
