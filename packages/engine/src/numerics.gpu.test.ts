/** `numerics: 'fast'`: who gets it, and what stands in the way of the others. */
import { clear } from 'idb-keyval'
import { beforeEach, expect, it } from 'vitest'
import type { Numerics } from './llama-buffers'
import { chooseNumerics } from './numerics'
import type { CutTimes } from './tune'

const cut = { name: 'plain' } as never
const layersOf = (format: string) => {
  const matrix = { parts: [{ format }] }
  return [{ gate: matrix, up: matrix, down: matrix }] as never
}

/** Times are measured twice; what slows the first one down must not count. */
function choose(asked: Numerics, fast: CutTimes, { format = 'q4_0', key = 'here' } = {}) {
  let numTimed = 0
  const time = async (_: unknown, numerics: Numerics): Promise<CutTimes> => {
    const slowdown = numTimed++ < 2 ? 3 : 1
    const [one, few, many] = numerics === 'fast' ? fast : [10, 20, 100]
    return [one * slowdown, few, many * slowdown]
  }
  const timer = { time, clear() {} } as never
  return chooseNumerics(asked, { timer, cut, layers: layersOf(format), key }).then(numerics => ({
    ...numerics,
    numTimed,
  }))
}

beforeEach(() => clear())

it('is used where it is asked for and faster, by more than noise', async () => {
  expect(await choose('exact', [5, 10, 50])).toEqual({ used: 'exact', reason: 'asked', numTimed: 0 })
  expect(await choose('fast', [5, 10, 50])).toEqual({
    used: 'fast',
    reason: 'faster',
    speedup: 2,
    numTimed: 4,
  })
  const noise = await choose('fast', [9.9, 19.8, 99], { key: 'there' })
  expect(noise).toMatchObject({ used: 'exact', reason: 'slower', speedup: expect.closeTo(1.0101, 3) })
})

it('is what it was at an earlier visit', async () => {
  await choose('fast', [5, 10, 50])
  expect(await choose('fast', [50, 100, 500])).toEqual({
    used: 'fast',
    reason: 'faster',
    speedup: 2,
    numTimed: 0,
  })
})

it('is not for matrices without integers', async () => {
  expect(await choose('fast', [5, 10, 50], { format: 'f16' })).toEqual({
    used: 'exact',
    reason: 'no-integers',
    numTimed: 0,
  })
})
