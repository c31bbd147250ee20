import { expect, it } from 'vitest'
import { type Cut, deviceProfile } from './device-profile'
import { type CutTimes, fastestCut } from './tune'

const profile = deviceProfile({ isSoftware: false, device: { features: new Set() } as never })
const cuts = (...names: string[]) => names.map(name => ({ ...profile, name })) as [Cut, ...Cut[]]

/** Cuts that take 100 ms to try unless `tryMs` says otherwise; absent times: the device refuses. */
function choose(
  times: Record<string, CutTimes | undefined>,
  { budgetMs = 1000, tryMs = {} as Record<string, number> } = {},
) {
  let clock = 0
  const tried: string[] = []
  const timesOf = async ({ name }: Cut): Promise<CutTimes> => {
    clock += tryMs[name] ?? 100
    tried.push(name)
    const own = times[name]
    if (!own) throw new Error('does not compile')
    return own
  }
  const chosen = fastestCut(cuts(...(Object.keys(times) as [string])), timesOf, budgetMs, () => clock)
  return chosen.then(({ cut, from }) => ({ cut: cut.name, from, tried: tried.join(' ') }))
}

it('takes the cut with the least time over plain steps, verifying ones and prompts', async () => {
  const times: Record<string, CutTimes> = { a: [10, 20, 100], b: [9, 20, 100], c: [12, 12, 90] }
  expect(await choose(times)).toEqual({ cut: 'c', from: 'measured', tried: 'a b c' })
})

it('stays with the default where the others are hardly faster', async () => {
  const times: Record<string, CutTimes> = { a: [10, 20, 100], b: [9.8, 19.9, 99], c: [20, 19, 100] }
  expect(await choose(times)).toEqual({ cut: 'a', from: 'measured', tried: 'a b c' })
})

it('measures nothing where there is no choice', async () => {
  expect(await choose({ a: [1, 1, 1] })).toEqual({ cut: 'a', from: 'default', tried: '' })
})

it('stops before a cut that would go beyond the budget, going by the slowest so far', async () => {
  const times: Record<string, CutTimes> = { a: [4, 4, 4], b: [3, 3, 3], c: [2, 2, 2], d: [1, 1, 1] }
  const tryMs = { b: 500 }
  expect(await choose(times, { tryMs })).toEqual({ cut: 'b', from: 'measured', tried: 'a b' })
  expect(await choose(times, { tryMs, budgetMs: 1150 })).toEqual({
    cut: 'c',
    from: 'measured',
    tried: 'a b c',
  })
  expect(await choose(times, { tryMs: { a: 600 } })).toEqual({ cut: 'a', from: 'default', tried: 'a' })
})

it('passes over a cut that the device refuses', async () => {
  const times = { a: [4, 4, 4], b: undefined, c: [2, 2, 2] } satisfies Record<string, CutTimes | undefined>
  expect(await choose(times)).toEqual({ cut: 'c', from: 'measured', tried: 'a b c' })
  expect(await choose({ a: times.a, b: undefined })).toEqual({ cut: 'a', from: 'default', tried: 'a b' })
})
