/** The three plots of what the controller goes by: costs, acceptance, and the goodput that follows from them. */
import { element } from '@foretoken/look'
import type { EngineStats } from 'foretoken'
import { drafters, goodputByDepth, situationOf } from './belief.ts'
import { colourOf } from './colours.ts'
import { type Line, Plot, type Ring } from './plot.ts'

/** Beyond these are prompts, whose passes cost by other kernels. */
const MOST_ROWS = 33

export class BeliefView {
  readonly #cost = new Plot(element('cost', HTMLDivElement), { xLabel: 'Rows', yLabel: 'ms' })
  readonly #survival = new Plot(element('survival', HTMLDivElement), {
    xLabel: 'Position in the draft',
    yLabel: 'chance',
    format: share => share.toFixed(2),
  })
  readonly #goodput = new Plot(element('goodput', HTMLDivElement), {
    xLabel: 'Depth',
    yLabel: 'tokens/s',
    format: rate => rate.toFixed(0),
  })

  draw(stats: EngineStats, numRequests: number): void {
    this.#drawCost(stats)
    this.#drawSurvival(stats)
    this.#drawGoodput(stats, numRequests)
  }

  #drawCost({ cost }: EngineStats): void {
    const rows = [...cost.target, ...cost.draft].map(cell => cell.rows).filter(count => count <= MOST_ROWS)
    const xs = [...new Set(rows)].sort((a, b) => a - b)
    const values = (table: EngineStats['cost']['target']) =>
      xs.map(x => table.find(cell => cell.rows === x)?.ms ?? null)
    const line = (label: string, name: string, table: EngineStats['cost']['target']): Line => ({
      label,
      colour: () => colourOf(name),
      values: values(table),
      points: true,
    })
    const draft = cost.draft.length > 0 ? [line('draft model', 'draft', cost.draft)] : []
    this.#cost.draw(xs, [line('model', 'lookup', cost.target), ...draft])
  }

  #drawSurvival(stats: EngineStats): void {
    const lines = drafters(stats).map(
      (method): Line => ({
        label: method,
        colour: () => colourOf(method),
        values: stats.survival[method],
        points: true,
      }),
    )
    this.#survival.draw(
      lines[0]!.values.map((_, i) => i + 1),
      lines,
    )
  }

  #drawGoodput(stats: EngineStats, numRequests: number): void {
    const situation = situationOf(stats, numRequests)
    const curves = drafters(stats).map(method => ({ method, values: goodputByDepth(situation, method) }))
    const depths = curves[0]!.values.map((_, depth) => depth)
    const off = curves[0]!.values[0]!
    let ring: Ring = { x: 0, y: off }
    for (const { values } of curves) {
      for (const [depth, value] of values.entries()) if (value > ring.y) ring = { x: depth, y: value }
    }
    const lines = curves.map(
      ({ method, values }): Line => ({ label: method, colour: () => colourOf(method), values, points: true }),
    )
    const plain: Line = {
      label: 'off',
      colour: () => colourOf('off'),
      values: depths.map(() => off),
      dashed: true,
    }
    this.#goodput.draw(depths, [...lines, plain], ring)
  }
}
