/** Which draft model pays here, by the costs and the acceptance that the engine has seen. */
import { element } from '@foretoken/look'
import type { Engine } from 'foretoken'
import { figuresTable } from './figures-table.ts'

type DraftAdvice = Awaited<ReturnType<Engine['adviseDraft']>>[number]

export class AdviceView {
  readonly #host = element('advice', HTMLDivElement)

  draw(advice: readonly DraftAdvice[]): void {
    const rows = advice.map(({ name, depth, tar, tokensPerS, speedUp }) => [
      name,
      String(depth),
      tar.toFixed(2),
      tokensPerS.toFixed(0),
      `${speedUp.toFixed(2)}×`,
    ])
    this.#host.replaceChildren(figuresTable(['Draft', 'best n', 'TAR', 'tokens/s', 'over none'], rows))
  }
}
