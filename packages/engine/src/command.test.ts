import { expect, it } from 'vitest'
import { type Command, parts } from './command'

const variant = (tile: number) => ({ tile, grid: (tiles: number) => [1, tiles] as const }) as never
const command = { variants: [1, 4, 8].map(variant), tailBindGroup: {} } as unknown as Command

const tilesOf = (of: Command, count: number) =>
  parts(of, count).map(({ variant, tiles, isTail }) => [variant.tile, tiles, isTail])

it('covers rows with whole tiles of the largest variant and one tail', () => {
  expect(tilesOf(command, 0)).toEqual([])
  expect(tilesOf(command, 3)).toEqual([[4, 1, false]])
  expect(tilesOf(command, 16)).toEqual([[8, 2, false]])
  expect(tilesOf(command, 33)).toEqual([
    [8, 4, false],
    [1, 1, true],
  ])
})

it('leaves passes of more than 32 rows to the prefill variant, all their rows', () => {
  const filling = { ...command, prefill: variant(64) }
  expect(tilesOf(filling, 32)).toEqual([[8, 4, false]])
  expect(tilesOf(filling, 33)).toEqual([[64, 1, false]])
  expect(tilesOf(filling, 256)).toEqual([[64, 4, false]])
})
