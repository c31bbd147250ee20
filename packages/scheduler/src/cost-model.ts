/**
 * What a step costs on this device, in ms: by rows of the target pass (submit to verdict, so that the fixed cost is
 * inside) and by rows of a draft pass. Measured at load, refined by live steps.
 *
 * A live step is one number with several causes: its target rows, its draft passes, its wait for the verdict of the step
 * before, and how much slower than usual the device is just now (other work, heat, a longer context), which falls on all
 * steps alike and must not be learnt as the price of the rows that happened to run. A Kalman filter over the logarithms
 * shares a surprise among them by how uncertain each is: a cell that was seen a moment ago does not explain it, one that
 * was not seen for long does. The tables stay in ms of the device as it was measured: choices depend on how costs compare.
 */
import { readBack } from './constraint'
import { CostCurve, noiseOf } from './cost-curve'
import { LatencyModel } from './latency-model'
import type { DraftNet } from './policy'
import type { Sequence } from './sequence'
import type { DraftPass, Step } from './step'

export type { CostTable } from './cost-curve'

/**
 * Variance that a step adds to the logarithm of the slowdown, and how much of it is left after a step: what lasts for
 * hundreds of steps is the price of what runs, or one kind of step that runs all the time could never be found to be dear.
 */
const SLOWDOWN_WALK = 0.002
const SLOWDOWN_RECALL = 0.99
/** Of a step, what a part's cost may be off by however well it is known: one that was thought to be nothing too. */
const DOUBT = 0.02
/** What is first thought of a wait: a share of a plain step, and the variance of its logarithm. */
const FIRST_WAIT = { share: 0.1, variance: 0.5 }
/** Steps of a kind that say something of it: at least, and at most. */
const FEWEST = 5
const MOST = 25

export class CostModel {
  readonly target = new CostCurve()
  /** Passes of draft models by their rows, of heads by what they sample. */
  readonly drafts: Readonly<Record<DraftNet, CostCurve>> = {
    draft: new CostCurve(),
    'draft-2': new CostCurve(),
    'draft-3': new CostCurve(),
    heads: new CostCurve(),
  }
  /** The same steps in the eyes of SmartSpec, for its policy. */
  readonly latency = new LatencyModel()
  /** One cell. */
  readonly #wait = new CostCurve()
  #numAhead = 0
  readonly #readback = new Median()
  #logSlowdown = 0
  #slowdownVariance = SLOWDOWN_WALK

  of(net: DraftNet): CostCurve {
    return this.drafts[net]
  }

  /**
   * What a step loses that waits for the verdict of the one before, in ms: the GPU has nothing to do meanwhile. Nothing is
   * known of it while no step was planned ahead: it is inside what was measured of lone steps.
   */
  get waitMs(): number {
    return this.#wait.at(1)
  }

  /** What a step loses beyond that whose drafts are read back before they are verified. */
  get readbackMs(): number {
    return Math.max(0, this.#readback.value)
  }

  observeStep(step: Step, stepMs: number): void {
    const { rows, samples } = step.targetPass
    const { draftPasses, isAhead } = step
    // A draft model that catches up by itself says nothing of a step.
    if (rows.length === 0) return
    if (rows.length !== samples.length || rows.some(row => row.sequence.request.scoreOnly)) return
    if (!(stepMs > 0) || !Number.isFinite(stepMs)) return
    for (const curve of [this.target, this.#wait, ...Object.values(this.drafts)]) curve.tick()
    if (draftPasses.length === 0) this.latency.observe(rows.length, numContext(rows), stepMs)
    const parts = [{ curve: this.target, rows: rows.length, count: 1 }, ...this.#partsOf(draftPasses)]
    if (isAhead) this.#numAhead++
    else if (this.#knowsWait()) parts.push({ curve: this.#wait, rows: 1, count: 1 })
    if (readBack(step).length === 0) this.#learn(parts, stepMs)
    else this.#readback.observe(this.#asMeasured(stepMs) - totalMs(parts))
  }

  /** Milliseconds of now in those of the tables. */
  #asMeasured(ms: number): number {
    return ms / Math.exp(this.#logSlowdown)
  }

  #knowsWait(): boolean {
    if (this.#numAhead < FEWEST || !this.target.measured) return false
    const { share, variance } = FIRST_WAIT
    if (!this.#wait.measured) this.#wait.observe(1, share * this.target.at(1), variance)
    return true
  }

  #partsOf(draftPasses: readonly DraftPass[]): Part[] {
    const parts: Part[] = []
    for (const { net, rows, samples } of draftPasses) {
      const curve = this.of(net)
      const numRows = net === 'heads' ? samples.length : rows.length
      const known = parts.find(part => part.curve === curve && part.rows === numRows)
      if (known) known.count++
      else parts.push({ curve, rows: numRows, count: 1 })
    }
    return parts
  }

  #learn(parts: readonly Part[], stepMs: number): void {
    const unknown = parts.filter(({ curve, rows }) => !curve.foretells(rows))
    const ms = this.#asMeasured(stepMs)
    const rest = totalMs(parts.filter(part => !unknown.includes(part)))
    const isNew = unknown.some(({ curve }) => !curve.measured)
    if (unknown.length === 0 || (ms <= rest && !isNew)) this.#share(parts, stepMs)
    else if (unknown.length === 1) {
      const { curve, rows, count } = unknown[0]!
      // What was never measured explains all that is left; a pass cannot cost nothing, however the noise fell.
      curve.observe(rows, Math.max(ms - rest, ms / 100) / count)
    }
  }

  /** Kalman's update, over ms, which add up. */
  #share(parts: readonly Part[], stepMs: number): void {
    const expected = totalMs(parts)
    this.#logSlowdown *= SLOWDOWN_RECALL
    this.#slowdownVariance = this.#slowdownVariance * SLOWDOWN_RECALL ** 2 + SLOWDOWN_WALK
    const surprise = Math.log(stepMs / expected) - this.#logSlowdown
    const lateMs = expected * (Math.exp(surprise) - 1)
    // In shares of the step, squared.
    const shares = parts.map(part => expectedMs(part) / expected)
    const known = parts.map(({ curve, rows }, i) => shares[i]! ** 2 * curve.variance(rows))
    const doubted = known.map(variance => variance + DOUBT ** 2)
    const variance = doubted.reduce((sum, each) => sum + each, this.#slowdownVariance + noiseOf(surprise))
    for (const [i, { curve, rows, count }] of parts.entries()) {
      const ms = curve.at(rows) + ((doubted[i]! / variance) * lateMs) / count
      curve.learn(rows, ms, known[i]! / variance, (DOUBT / shares[i]!) ** 2)
    }
    const gain = this.#slowdownVariance / variance
    this.#logSlowdown += gain * surprise
    this.#slowdownVariance *= 1 - gain
  }
}

/** Of recent values; 0 until there are some. */
class Median {
  readonly #recent: number[] = []
  /** Of every sequence's offers it is asked, so it is found once. */
  #value: number | undefined = 0

  get value(): number {
    this.#value ??= this.#recent.toSorted((a, b) => a - b)[this.#recent.length >> 1]!
    return this.#value
  }

  observe(value: number): void {
    this.#recent.push(value)
    if (this.#recent.length > MOST) this.#recent.shift()
    if (this.#recent.length >= FEWEST) this.#value = undefined
  }
}

/** Passes of a step over the same number of rows. */
interface Part {
  curve: CostCurve
  rows: number
  count: number
}

const expectedMs = ({ curve, rows, count }: Part): number => count * curve.at(rows)
const totalMs = (parts: readonly Part[]): number => parts.reduce((sum, part) => sum + expectedMs(part), 0)

/** Positions whose keys and values a pass reads, each sequence's once. */
function numContext(rows: ReadonlyArray<{ sequence: Sequence }>): number {
  let sum = 0
  let last: Sequence | undefined
  for (const { sequence } of rows) {
    if (sequence !== last) sum += sequence.length
    last = sequence
  }
  return sum
}
