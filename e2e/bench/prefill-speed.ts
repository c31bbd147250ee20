/** How fast a prompt goes in, beside how fast tokens come out, and beside what the device could multiply meanwhile. */
import { Engine, fmaRate } from '@foretoken/engine'
import { bundledModelUrl } from '@foretoken/tiny-models'
import type { BenchContext, BenchRow } from './bench-context'
import { median } from './median'
import { modelShapes } from './model-shapes.mjs'
import { largeRandomModel } from './random-model'

const PROMPT_TOKENS = 512
const DECODED_TOKENS = 32

/** A model that is large enough for a GPU. */
const LARGE = 'llama-3.2-1b'

export async function* prefillSpeed({ quick, device }: BenchContext): AsyncGenerator<BenchRow> {
  const rounds = quick ? 5 : 7
  yield* speedOf(
    'bundled q8_0',
    await Engine.load({ model: bundledModelUrl }, { skipCalibration: true }),
    rounds,
  )
  for (const format of ['f16', 'q8_0'] as const) {
    const model = `${LARGE} ${format}`
    if (device.isSoftware) {
      const note = 'not measured: the adapter is a CPU'
      yield {
        name: 'prefill',
        model,
        tokens: PROMPT_TOKENS,
        metric: 'fma_fraction',
        value: null,
        unit: '',
        note,
      }
      continue
    }
    const shape = { ...modelShapes[LARGE], context: 1024 }
    const large = { model: largeRandomModel(1, shape, format), maxConcurrent: 1 }
    const engine = await Engine.load(large, { skipCalibration: true })
    yield* speedOf(model, engine, rounds, multiplications(shape))
  }
}

/** Of a token with the matrices of all layers. The head multiplies the last token of a prompt alone. */
function multiplications({ dim, layers, heads, kvHeads, ffn }: (typeof modelShapes)[typeof LARGE]): number {
  const kv = (dim / heads) * kvHeads
  return layers * (2 * dim * dim + 2 * dim * kv + 3 * dim * ffn)
}

async function* speedOf(
  model: string,
  engine: Engine,
  rounds: number,
  fmaPerToken?: number,
): AsyncGenerator<BenchRow> {
  const runs: Array<{ prefill: number; decode: number }> = []
  for (let round = 0; round < rounds; round++) runs.push(await measure(engine, promptOf(round)))
  await engine.dispose()
  const about = { name: 'prefill', model, tokens: PROMPT_TOKENS }
  const speed = median(runs.map(run => run.prefill))
  yield { ...about, metric: 'tokens_per_s', value: speed, unit: 'tokens/s' }
  const ratio = median(runs.map(run => run.prefill / run.decode))
  const decode = median(runs.map(run => run.decode))
  yield { ...about, metric: 'over_decode', value: ratio, unit: 'x', decode_tokens_per_s: decode }
  if (fmaPerToken === undefined) return
  const rate = await fmaRate()
  const fraction = (speed * fmaPerToken) / rate
  yield { ...about, metric: 'fma_fraction', value: fraction, unit: '', fma_per_s: rate }
}

/** Ids past the control tokens; what they say does not matter. No two begin alike: nothing of one is there for the next. */
const promptOf = (round: number): number[] =>
  Array.from({ length: PROMPT_TOKENS }, (_, i) => 100 + round + ((i * 7) % 1000))

/** Tokens per second until the first token is drawn, and from there on. */
async function measure(
  engine: Engine,
  tokens: readonly number[],
): Promise<{ prefill: number; decode: number }> {
  const begin = performance.now()
  let first = 0
  const request = { tokens, maxTokens: DECODED_TOKENS + 1, ignoreEos: true, speculation: 'off' } as const
  for await (const _ of engine.generate(request)) first ||= performance.now()
  return {
    prefill: (1000 * tokens.length) / (first - begin),
    decode: (1000 * DECODED_TOKENS) / (performance.now() - first),
  }
}
