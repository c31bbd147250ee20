/** Latency by request rate of every policy. Simulated again when asked to, with what has been measured by then. */
import { element } from '@foretoken/look'
import { POLICY_NAMES, type PolicyName } from '@foretoken/scheduler'
import type { EngineStats } from 'foretoken'
import { drafters } from './belief.ts'
import { style } from './colours.ts'
import { ASSUMED, type LoadCurves, type Measured } from './load-simulation.ts'
import { type Line, Plot } from './plot.ts'

const colours: Record<PolicyName, string> = {
  off: '--line-strong',
  fixed: '--lookup',
  'batch-table': '--cache',
  smartspec: '--heads',
  goodput: '--draft',
}

export class LoadView {
  readonly #plot = new Plot(element('load', HTMLDivElement), {
    xLabel: 'Requests per second',
    yLabel: 'seconds',
    format: seconds => `${seconds.toFixed(2)} s`,
  })
  readonly #note = element('load-note', HTMLParagraphElement)
  readonly #button = element('load-again', HTMLButtonElement)
  readonly #worker = new Worker(new URL('./load-worker.ts', import.meta.url), { type: 'module' })
  #measured: Measured | undefined

  constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<LoadCurves>) => this.#show(data)
    this.#button.addEventListener('click', () => this.#simulate())
  }

  /** Takes in what is measured; the first time, simulates with it. */
  update(stats: EngineStats): void {
    const isFirst = this.#measured === undefined
    const survival = Object.fromEntries(drafters(stats).map(method => [method, stats.survival[method]]))
    this.#measured = { cost: stats.cost, survival }
    if (isFirst) this.#simulate()
  }

  #simulate(): void {
    if (!this.#measured) return
    this.#button.disabled = true
    this.#note.textContent = 'Simulating.'
    this.#worker.postMessage(this.#measured)
  }

  #show({ rates, latency }: LoadCurves): void {
    const lines = POLICY_NAMES.map(
      (policy): Line => ({
        label: policy,
        colour: () => style(colours[policy]),
        values: latency[policy],
        dashed: policy === 'off',
        points: true,
      }),
    )
    this.#plot.draw(rates, lines)
    this.#button.disabled = false
    const { promptTokens, outputTokens, lookupCoverage, maxConcurrent, numRequests } = ASSUMED
    this.#note.textContent =
      `${numRequests} requests with Poisson arrivals, ${maxConcurrent} at once. Assumed: prompts of ${promptTokens.join(' to ')} ` +
      `tokens, answers of ${outputTokens.join(' to ')}, lookup finds something in ${lookupCoverage * 100} % of steps. ` +
      '“fixed” drafts 4 tokens by whoever offers most.'
  }
}
