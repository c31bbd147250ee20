import { expect, it } from 'vitest'
import { Turns } from './turns'

it('lets so many act at once, in order, and goes on behind one that fails', async () => {
  const turns = new Turns(2)
  const begun: number[] = []
  const ends: Array<{ resolve: () => void; reject: (error: Error) => void }> = []
  const all = [0, 1, 2, 3].map(i =>
    turns.take(
      () =>
        new Promise<number>((resolve, reject) => {
          begun.push(i)
          ends[i] = { resolve: () => resolve(i), reject }
        }),
    ),
  )
  const told = Promise.allSettled(all)
  expect(begun).toEqual([0, 1])
  ends[1]!.reject(new Error('no'))
  await expect(all[1]).rejects.toThrow('no')
  expect(begun).toEqual([0, 1, 2])
  for (const i of [0, 2]) {
    ends[i]!.resolve()
    await all[i]
  }
  expect(begun).toEqual([0, 1, 2, 3])
  ends[3]!.resolve()
  expect((await told).map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    'fulfilled',
    'fulfilled',
  ])
})
