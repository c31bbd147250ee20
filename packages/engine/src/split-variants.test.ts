import { formatParams, type WeightFormat } from '@foretoken/shaders'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { deviceProfile } from './device-profile'
import { splitVariants } from './split-variants'

const cuts = deviceProfile({ isSoftware: false, device: { features: new Set() } as never }).matmul.split!
const variants = (
  rows: number,
  columns: number,
  { bytes = 49_152, format = 'q8_0' as WeightFormat, own = cuts } = {},
) =>
  splitVariants(own, {
    matrix: { format, rows, columns },
    matrices: 1,
    integers: false,
    limits: { maxComputeWorkgroupStorageSize: bytes, maxComputeInvocationsPerWorkgroup: 256 },
  })

it('takes few rows and outputs per thread where a matrix has few outputs', () => {
  const [one, , , eight] = variants(2048, 2048)
  expect(one).toMatchObject({ tile: 1, groups: 256, groupsPerTile: 1, params: { OUTPUTS: 1, SLICES: 8 } })
  expect(eight).toMatchObject({ tile: 8, groups: 128, groupsPerTile: 2, params: { TILE: 4, OUTPUTS: 2 } })
  expect(variants(128_256, 2048)[3]).toMatchObject({ groups: 4008, groupsPerTile: 1, params: { TILE: 8 } })
})

it('asks no further ahead than a tile holds chunks, and for one group at least', () => {
  const ahead = (format: WeightFormat) => variants(28_672, 4096, { format })[3]!.params.AHEAD
  expect((['q4_0', 'q8_0', 'f16', 'f32'] as const).map(ahead)).toEqual([2, 2, 1, 1])
})

it('asks less far ahead where workgroups have little memory, and leaves out tiles that have no room at all', () => {
  const tile = (rows: number, outputs: number) => ({ rows, threadRows: rows, lanes: 16, outputs, ahead: 4 })
  const own = [{ upTo: Number.POSITIVE_INFINITY, tiles: [tile(1, 1), tile(4, 2), tile(8, 2), tile(8, 4)] }]
  const ahead = (bytes: number) => variants(20_000, 4096, { bytes, own }).map(({ params }) => params.AHEAD)
  expect(ahead(49_152)).toEqual([4, 4, 4, 4])
  expect(ahead(32_768)).toEqual([4, 4, 2, 2])
  expect(ahead(16_384)).toEqual([4, 2, 1])
})

it('has a place for one row of every matrix, and for all that a round brings, wherever WebGPU runs', () => {
  const formats = Object.keys(formatParams) as WeightFormat[]
  const property = fc.property(
    fc.record({
      format: fc.constantFrom(...formats),
      rows: fc.integer({ min: 1, max: 200_000 }),
      columns: fc.integer({ min: 1, max: 40_000 }),
      matrices: fc.constantFrom(1, 2),
      integers: fc.boolean(),
      bytes: fc.integer({ min: 16_384, max: 65_536 }),
    }),
    ({ bytes, matrices, integers, ...matrix }) => {
      const limits = { maxComputeWorkgroupStorageSize: bytes, maxComputeInvocationsPerWorkgroup: 256 }
      const all = splitVariants(cuts, { matrix, matrices, integers, limits })
      expect(all[0]!.tile).toBe(1)
      for (const { tile, groupsPerTile, params } of all) {
        const { TILE, OUTPUTS, LANES, SLICES, AHEAD } = params as Record<string, number>
        const vectors = TILE! * AHEAD! * (integers ? 2 : 4)
        const partials = 4 * matrices * OUTPUTS! * TILE! * LANES!
        expect(SLICES! * Math.max(partials, 16 * (vectors + 1))).toBeLessThanOrEqual(bytes)
        expect(groupsPerTile * TILE!).toBe(tile)
      }
    },
  )
  fc.assert(property, { numRuns: 500 })
})
