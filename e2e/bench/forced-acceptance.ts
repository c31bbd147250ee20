/**
 * What speculation is worth at a given acceptance, on a model of known dimensions with random weights. The drafter
 * knows the target's own greedy continuation and is right with probability p at every token, at no cost of its own:
 * what is measured is the price of verifying.
 */
import { Engine } from '@foretoken/engine'
import type { Guess, Sequence } from '@foretoken/scheduler'
import type { BenchContext, BenchRow } from './bench-context'
import { median } from './median'
import { type ModelFormat, modelShapes, type ShapeName } from './model-shapes.mjs'
import { largeRandomModel, mulberry32 } from './random-model'
import { statsWindow } from './stats-window'

const ACCEPTANCES = [0.6, 0.8, 0.9]
const DEPTHS = [3, 7]
const CONTEXT = 512
const PROMPT = [1, 1000, 77, 4242, 10, 555, 3000, 12]

interface Run {
  tokensPerSecond: number
  tokensPerStep: number
  tokens: number[]
}

/** `p` undefined: without speculation. */
interface Mode {
  depth: number
  p: number | undefined
}

export async function* forcedAcceptance(
  name: ShapeName,
  format: ModelFormat,
  { quick, device }: BenchContext,
): AsyncGenerator<BenchRow> {
  const numTokens = device.isSoftware ? (quick ? 12 : 24) : quick ? 64 : 256
  const rounds = device.isSoftware ? 1 : quick ? 3 : 5
  const drafter = new ForcedDrafter()
  const engine = await Engine.load(
    { model: largeRandomModel(1, { ...modelShapes[name], context: CONTEXT }, format), maxConcurrent: 1 },
    { skipCalibration: true, guess: (sequence, depth) => drafter.guess(sequence, depth) },
  )
  const modes: Mode[] = [
    { depth: 0, p: undefined },
    ...DEPTHS.flatMap(depth => ACCEPTANCES.map(p => ({ depth, p }))),
  ]
  const runs = new Map<Mode, Run[]>(modes.map(mode => [mode, []]))
  for (let round = 0; round < rounds; round++) {
    for (const [mode, done] of runs) {
      drafter.p = mode.p
      const run = await generate(engine, mode, numTokens)
      if (mode.p === undefined) drafter.expected = run.tokens
      if (run.tokens.join() !== drafter.expected.join()) throw new Error('Speculation changed the tokens.')
      done.push(run)
    }
  }
  await engine.dispose()
  yield* rows({ model: name, format, tokens: numTokens }, runs)
}

/** One throw of the dice for each place: what is right at some p is right at every greater one, at any depth. */
class ForcedDrafter {
  expected: number[] = []
  /** Undefined: it is not there, and steps are planned ahead as where nobody guesses on the CPU. */
  p: number | undefined
  readonly #dice: number[]

  constructor() {
    const random = mulberry32(7)
    this.#dice = Array.from({ length: CONTEXT }, random)
  }

  guess(sequence: Sequence, depth: number): Guess | undefined {
    const { p } = this
    if (p === undefined) return undefined
    const from = sequence.length - sequence.promptLength
    const wrong = (id: number): number => (id === 0 ? 1 : id - 1)
    const right = this.expected.slice(from, from + depth)
    return { tokens: right.map((id, i) => (this.#dice[from + i]! < p ? id : wrong(id))) }
  }
}

/** Tokens per second from the first batch on: the prompt is not what speculation speeds up. */
async function generate(engine: Engine, { depth, p }: Mode, maxTokens: number): Promise<Run> {
  const speculation = p === undefined ? 'off' : ({ method: 'lookup', depth } as const)
  const tokens: number[] = []
  let before = engine.stats()
  let begin = 0
  for await (const batch of engine.generate({ tokens: PROMPT, maxTokens, ignoreEos: true, speculation })) {
    tokens.push(...batch.tokens)
    if (begin > 0) continue
    before = engine.stats()
    begin = performance.now()
  }
  const seconds = (performance.now() - begin) / 1000
  const used = statsWindow(before, engine.stats())
  return { tokens, tokensPerSecond: used.tokens / seconds, tokensPerStep: used.tokens / used.steps }
}

function* rows(about: Record<string, unknown>, runs: ReadonlyMap<Mode, readonly Run[]>): Generator<BenchRow> {
  const [off] = runs.values()
  for (const [{ depth, p }, done] of runs) {
    const mode = p === undefined ? { speculation: 'off' } : { speculation: 'forced', depth, acceptance: p }
    const row = (metric: string, values: number[], unit: string): BenchRow => ({
      name: 'decode',
      metric,
      value: median(values),
      unit,
      ...about,
      ...mode,
    })
    const speeds = done.map(run => run.tokensPerSecond)
    yield row('tokens_per_s', speeds, 'tokens/s')
    if (p === undefined) continue
    yield row(
      'speed_over_off',
      speeds.map((speed, i) => speed / off![i]!.tokensPerSecond),
      'x',
    )
    yield row(
      'tokens_per_step',
      done.map(run => run.tokensPerStep),
      'tokens',
    )
  }
}
