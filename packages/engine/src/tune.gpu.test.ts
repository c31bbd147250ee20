/** Products that are cut up as it was measured: the choice is told and remembered, and changes no id. */
import { clear } from 'idb-keyval'
import { beforeEach, expect, it } from 'vitest'
import stories40K from '../../tiny-models/stories40K-f32.gguf?url'
import type { Cut } from './device-profile'
import { Engine, sharedDevice } from './index'

const plain: Cut = {
  name: 'plain',
  matmul: {
    lanes: 4,
    subgroups: false,
    plainOutputs: 2,
    tiles: [
      { rows: 1, outputs: 2 },
      { rows: 4, outputs: 1 },
    ],
  },
}
/** Beyond what WebGPU allows. */
const impossible: Cut = { name: 'impossible', matmul: { ...plain.matmul, lanes: 4096 } }
const split: Cut = {
  name: 'split',
  matmul: {
    ...plain.matmul,
    split: [
      {
        upTo: Number.POSITIVE_INFINITY,
        tiles: [
          { rows: 1, threadRows: 1, lanes: 4, outputs: 1, ahead: 4 },
          { rows: 4, threadRows: 2, lanes: 8, outputs: 2, ahead: 2 },
        ],
      },
    ],
  },
}

async function run(cuts: readonly [Cut, ...Cut[]]) {
  const model = new URL(stories40K, location.href)
  const engine = await Engine.load(
    { model },
    { skipCalibration: true, cuts, tuningMs: 60_000, device: await sharedDevice() },
  )
  const tokens: number[] = []
  const options = { prompt: 'Once upon a time', maxTokens: 40, temperature: 0.8, seed: 5, ignoreEos: true }
  for await (const batch of engine.generate(options)) tokens.push(...batch.tokens)
  const { tuning, selfCheck } = engine.stats()
  await engine.dispose()
  return { tokens, tuning, selfCheck }
}

beforeEach(() => clear())

it('gives the same ids with every cut, tells which, and remembers it', async () => {
  const expected = await run([plain])
  expect(expected.tuning).toEqual({ cut: 'plain', from: 'default' })
  expect((await run([split])).tokens).toEqual(expected.tokens)

  const cuts = [plain, impossible, split] as const
  const tuned = await run(cuts)
  expect(tuned.tuning.from).toBe('measured')
  expect(['plain', 'split']).toContain(tuned.tuning.cut)
  expect(tuned.selfCheck).toEqual(expected.selfCheck)
  expect(tuned.tokens).toEqual(expected.tokens)

  const again = await run(cuts)
  expect(again.tuning).toEqual({ cut: tuned.tuning.cut, from: 'stored' })
  expect(again.tokens).toEqual(expected.tokens)
})
