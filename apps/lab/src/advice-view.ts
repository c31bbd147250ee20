/** Which draft model pays here, by the costs and the acceptance that this page has seen. */
import { element } from '@foretoken/look'
import { adviseDraft } from '@foretoken/scheduler'
import type { EngineStats } from 'foretoken'
import { costOf } from './belief.ts'
import { figuresTable } from './figures-table.ts'

export class AdviceView {
  readonly #host = element('advice', HTMLDivElement)

  draw(stats: EngineStats): void {
    const cost = costOf(stats)
    const { draft } = stats
    const candidates = draft
      ? [{ name: draft.name, stepMs: cost.of('draft').at(1), agreement: { survival: stats.survival.draft } }]
      : []
    const plain = ['no draft', '0', '1.00', (1000 / cost.target.at(1)).toFixed(0), '1.00×']
    const rows = adviseDraft(rows => cost.target.at(rows), candidates).map(advice => [
      advice.name,
      String(advice.depth),
      advice.tar.toFixed(2),
      advice.tokensPerS.toFixed(0),
      `${advice.speedUp.toFixed(2)}×`,
    ])
    this.#host.replaceChildren(figuresTable(['Draft', 'best n', 'TAR', 'tokens/s', 'gain'], [...rows, plain]))
  }
}
