/** A position's logits have the same bits however its prompt is cut into passes, with and without the prefill kernel. */
import { kernels } from '@foretoken/shaders'
import { expect, it } from 'vitest'
import talesWide from '../../tiny-models/tales-wide-q8_0.gguf?url'
import { type DeviceProfile, deviceCuts, type PrefillCut } from './device-profile'
import { type EngineInternals, type LoadedEngine, loadEngine } from './load-engine'
import { hasIntegerProducts } from './numerics'
import { sharedDevice } from './shared-device'
import { Trial } from './trial'

const numPositions = 300
const prefill: PrefillCut[] = [
  { upTo: 128, tile: { rows: 16, outputs: 8, threadRows: 2, threadOutputs: 2, slice: 2 } },
  {
    upTo: Number.POSITIVE_INFINITY,
    tile: { rows: 16, outputs: 16, threadRows: 2, threadOutputs: 4, slice: 1 },
  },
]

/** Few variants: compiling them is most of what this takes. */
const profile = (more: Partial<DeviceProfile['matmul']> = {}): DeviceProfile => ({
  matmul: {
    lanes: 4,
    plainOutputs: 4,
    subgroups: false,
    tiles: [
      { rows: 1, outputs: 4 },
      { rows: 4, outputs: 4 },
    ],
    ...more,
  },
})

const device = await sharedDevice()
const load = (internals: EngineInternals, numerics: 'exact' | 'fast' = 'exact') =>
  loadEngine(
    { model: new URL(talesWide, location.href), contextLength: 512, maxConcurrent: 1, numerics },
    { skipCalibration: true, trustFast: true, device, ...internals },
  )

/** Bits of the logits of every fourth position. */
async function prefillBy(chunk: number, { runner, target }: LoadedEngine): Promise<Uint32Array[]> {
  const trial = new Trial(runner, target.config.vocab, { scoring: true, context: numPositions })
  const logits: Uint32Array[] = []
  for (let first = 0; first < numPositions; first += chunk) {
    const pass = trial.rows(first, Math.min(chunk, numPositions - first))
    const samples = pass.samples.filter(({ position }) => position % 4 === 0)
    const outcome = await runner.execute(trial.step({ ...pass, samples }))
    if (samples.length === 0) continue
    const bits = new Uint32Array(outcome.logits!.buffer)
    const stride = bits.length / samples.length
    for (let i = 0; i < samples.length; i++) logits.push(bits.subarray(i * stride, (i + 1) * stride))
  }
  return logits
}

it('gives a position the same bits in passes of 1, 7, 64, 100 and 256 rows', async () => {
  const plain = await load({ deviceProfile: profile() })
  const tiled = await load({ deviceProfile: profile({ prefill }) })
  const passing = await load({ deviceProfile: profile({ passing: { rows: 32, outputs: 2, held: 2 } }) })
  for (const { selfCheck } of [plain, passing]) expect(selfCheck.tilesRefused).toEqual([])
  expect(passing.selfCheck.tilesUsed).toContain(32)
  expect(tiled.selfCheck).toMatchObject({ tilesUsed: [...plain.selfCheck.tilesUsed, 16], tilesRefused: [] })
  const expected = await prefillBy(1, plain)
  expect(expected).toHaveLength(numPositions / 4)
  for (const engine of [plain, tiled, passing]) {
    // The largest first: what it left out would still be there from another run.
    for (const chunk of [256, 100, 64, 7]) {
      expect(await prefillBy(chunk, engine), `passes of ${chunk} rows`).toEqual(expected)
    }
    engine.gpu.destroy()
  }
})

it('does so with products cut up as on a GPU', async () => {
  const plain = await load({ deviceProfile: profile() })
  const [deviceProfile] = deviceCuts({ isSoftware: false, device })
  const split = await load({ deviceProfile })
  expect(split.selfCheck).toMatchObject({ tilesUsed: [1, 2, 4, 8, 64], tilesRefused: [] })
  const expected = await prefillBy(1, plain)
  for (const chunk of [100, 7, 1]) {
    expect(await prefillBy(chunk, split), `passes of ${chunk} rows`).toEqual(expected)
  }
  for (const { gpu } of [plain, split]) gpu.destroy()
})

it.skipIf(!hasIntegerProducts())('does so with products of integers', async () => {
  const passing = { rows: 32, outputs: 2, held: 2 }
  const deviceProfile = profile({ prefill, passing })
  const engine = await load({ deviceProfile }, 'fast')
  expect(engine.numerics.used).toBe('fast')
  const { tilesUsed, tilesRefused } = engine.selfCheck
  expect(tilesRefused).toEqual([])
  expect(tilesUsed.slice(-2)).toEqual([passing.rows, prefill[0]!.tile.rows])
  const expected = await prefillBy(1, engine)
  // By the prefill kernel, as rows that pass by, and in tiles.
  for (const chunk of [100, 23, 4]) {
    expect(await prefillBy(chunk, engine), `passes of ${chunk} rows`).toEqual(expected)
  }
  engine.gpu.destroy()
})

it('does not use rows that pass by where they have other bits', async () => {
  const source = kernels.matmulRows.source.replace('= partial_$m_$r;', '= partial_$m_$r * 1.000001;')
  const matmulRows = { ...kernels.matmulRows, source }
  const passing = { rows: 32, outputs: 2, held: 1 }
  const engine = await load({ deviceProfile: profile({ passing }), kernels: { matmulRows } })
  expect(engine.selfCheck.tilesRefused).toEqual([32])
  expect(await prefillBy(64, engine)).toEqual(await prefillBy(4, engine))
  engine.gpu.destroy()
})

it('does not use a prefill kernel whose rows have other bits', async () => {
  const source = kernels.gemm.source.replace('+= partial_$m_$r_$c;', '+= partial_$m_$r_$c * 1.000001;')
  const gemm = { ...kernels.gemm, source }
  const engine = await load({ deviceProfile: profile({ prefill }), kernels: { gemm } })
  expect(engine.selfCheck.tilesRefused).toEqual([16])
  expect(await prefillBy(64, engine)).toEqual(await prefillBy(4, engine))
  engine.gpu.destroy()
})

it('does not let attention fill the cache itself where that gives other bits', async () => {
  const factor = '* bitcast<f32>(shape.w);'
  const source = kernels.attendAppending.source.replaceAll(factor, factor.replace(';', ' * 1.000001;'))
  const attendAppending = { ...kernels.attendAppending, source }
  for (const [broken, appends] of [
    [{}, true],
    [{ attendAppending }, false],
  ] as const) {
    const engine = await load({ deviceProfile: profile(), kernels: broken })
    expect(engine.runner.target.attention.appends).toBe(appends && engine.gpu.isSoftware)
    expect(await prefillBy(1, engine)).toEqual(await prefillBy(64, engine))
    engine.gpu.destroy()
  }
})
