import { expect, it } from 'vitest'
import { deviceProfile } from './device-profile'
import { prefillVariant } from './prefill-variant'

const cuts = deviceProfile({ isSoftware: false, device: { features: new Set() } as never }).matmul.prefill!
const variant = (rows: number, { bytes = 49_152, matrices = 1, integers = false } = {}) =>
  prefillVariant(cuts, {
    matrix: { format: 'q8_0', rows, columns: 2048 },
    matrices,
    integers,
    limits: { maxComputeWorkgroupStorageSize: bytes, maxComputeInvocationsPerWorkgroup: 256 },
  })

it('takes fewer outputs per workgroup and thread where a matrix has few', () => {
  expect(variant(2048)).toMatchObject({ tile: 64, groups: 64, params: { BM: 64, BN: 32, TM: 4, TN: 4 } })
  expect(variant(8192)).toMatchObject({ tile: 64, groups: 128, params: { BM: 64, BN: 64, TM: 8, TN: 4 } })
  const paired = { tile: 64, groups: 256, params: { BM: 64, BN: 32, TM: 8, TN: 2 } }
  expect(variant(8192, { matrices: 2 })).toMatchObject(paired)
})

it('stages as many groups at once as workgroups have memory for', () => {
  expect(variant(8192).params.SLICE).toBe(2)
  expect(variant(8192, { bytes: 16_384 }).params.SLICE).toBe(1)
  expect(variant(2048, { bytes: 16_384 }).params.SLICE).toBe(2)
  expect(variant(8192, { bytes: 16_384, integers: true }).params.SLICE).toBe(2)
})
