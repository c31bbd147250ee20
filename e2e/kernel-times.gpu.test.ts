/** What the suite kernels stands on gives times for everything that it is asked for. */
import { Engine, fmaRate, MatmulTrial, matrixKinds, StreamProbe, timeEach } from '@foretoken/engine'
import { expect, it } from 'vitest'
import { randomModel } from './bench/random-model'
import { smallKernels } from './small-kernels'

it('times steps of 1 to 32 rows, and each command by itself', async () => {
  const model = randomModel(1, { layers: 2, vocab: 48, context: 128 })
  const engine = await Engine.load(
    { model },
    { skipCalibration: true, profile: true, deviceProfile: smallKernels },
  )
  for (const rows of [1, 17, 32]) {
    const { ms, gpuMs } = await engine.timeStep(rows - 1, 0, 64)
    expect(ms).toBeGreaterThan(0)
    expect(gpuMs ?? 0).toBeLessThanOrEqual(ms)
  }
  const commands = await engine.timeTargetPass(1, 64, timeEach)
  expect(commands.every(({ ms }) => ms > 0)).toBe(true)
  // Two layers of 64 x (64 + 32 + 32 + 64 + 3 * 64) and a head of 48 rows, in f32.
  const bytes = commands.reduce((sum, { weightBytes }) => sum + weightBytes, 0)
  expect(bytes).toBe(4 * 64 * (2 * 384 + 48))
  await engine.dispose()
})

it('times the matrices of a shape, and tells their sizes', async () => {
  const shape = { dim: 64, heads: 2, kvHeads: 1, headDim: 32, ffn: 128, vocab: 96 }
  const trial = await MatmulTrial.open(shape, 'q4_0')
  const sizes = matrixKinds.map(kind => trial.size(kind))
  expect(sizes.map(({ n, k }) => [n, k])).toEqual([
    [128, 64],
    [64, 64],
    [256, 64],
    [64, 128],
    [96, 64],
  ])
  // 18 bytes for 32 weights.
  for (const { n, k, bytes } of sizes) expect(bytes).toBe((n * k * 18) / 32)
  for (const kind of matrixKinds) {
    expect(await trial.time(kind, 1)).toBeGreaterThan(0)
    expect(await trial.time(kind, 32)).toBeGreaterThan(0)
    expect(await trial.time(kind, 1, trial.tiles(kind).at(-1))).toBeGreaterThan(0)
  }
  const tile = { rows: 4, threadRows: 2, lanes: 4, outputs: 2, ahead: 2 }
  for (const kind of ['qkv', 'head'] as const) {
    const [us, none] = await trial.timeTiles(kind, 4, [tile, { ...tile, lanes: 4096 }])
    expect(us).toBeGreaterThan(0)
    expect(none).toBeUndefined()
  }
  const prefill = { rows: 16, outputs: 16, threadRows: 2, threadOutputs: 2, slice: 1 }
  expect(await trial.timePrefill('gate-up', 40, [prefill])).toEqual([expect.any(Number)])
  trial.dispose()
})

it('measures how fast memory is read', async () => {
  const probe = await StreamProbe.open()
  expect(await probe.bandwidth()).toBeGreaterThan(1e7)
  expect(await probe.bandwidth(2 ** 16)).toBeGreaterThan(1e6)
  probe.dispose()
  expect(await fmaRate()).toBeGreaterThan(1e7)
})
