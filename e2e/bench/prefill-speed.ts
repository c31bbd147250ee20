/** How fast a prompt goes in, beside how fast tokens come out. */
import { Engine } from '@foretoken/engine'
import { bundledModelUrl } from '@foretoken/tiny-models'
import type { BenchContext, BenchRow } from './bench-context'
import { median } from './median'

const PROMPT_TOKENS = 512
const DECODED_TOKENS = 32

export async function* prefillSpeed({ quick }: BenchContext): AsyncGenerator<BenchRow> {
  const engine = await Engine.load({ model: bundledModelUrl }, { skipCalibration: true })
  const runs: Array<{ prefill: number; decode: number }> = []
  for (let round = 0; round < (quick ? 5 : 7); round++) runs.push(await measure(engine, promptOf(round)))
  await engine.dispose()
  const about = { name: 'prefill', model: 'bundled q8_0', tokens: PROMPT_TOKENS }
  const speed = median(runs.map(run => run.prefill))
  yield { ...about, metric: 'tokens_per_s', value: speed, unit: 'tokens/s' }
  const ratio = median(runs.map(run => run.prefill / run.decode))
  const decode = median(runs.map(run => run.decode))
  yield { ...about, metric: 'over_decode', value: ratio, unit: 'x', decode_tokens_per_s: decode }
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
