/** The live figures in the side panel. */
import { countText, durationText, element, make, rateText, ratioText, shareText } from '@foretoken/look'
import { type Figures, type Method, methods } from './figures.ts'

const names: Record<Method, string> = {
  off: 'No guessing',
  draft: 'Draft',
  'draft-2': 'Second draft',
  'draft-3': 'Third draft',
  lookup: 'Lookup',
  cache: 'N-gram cache',
  heads: 'Heads',
  'draft-tree': 'Draft tree',
  'heads-tree': 'Heads tree',
  'lookup-tree': 'Lookup tree',
  grammar: 'Grammar',
}

export class FiguresView {
  readonly #shares = element('shares', HTMLDivElement)
  readonly #list = element('share-list', HTMLUListElement)

  render(figures: Figures): void {
    show('figure-rate', rateText(figures.tokensPerSecond))
    show('figure-per-step', ratioText(figures.tokensPerStep))
    show('figure-acceptance', shareText(figures.acceptance))
    show('figure-steps', figures.numSteps ? countText(figures.numSteps) : '–')
    show('figure-last', lastText(figures.last))
    show('figure-first', durationText(figures.firstTokenMs))
    this.#renderShares(figures)
  }

  #renderShares({ numSteps, stepsByMethod }: Figures): void {
    const used = methods.filter(method => stepsByMethod[method] > 0)
    this.#shares.replaceChildren(
      ...used.map(method => {
        const part = shareOf(method)
        part.style.flexGrow = String(stepsByMethod[method])
        return part
      }),
    )
    this.#list.replaceChildren(
      ...used.map(method => {
        const item = make('li')
        item.append(shareOf(method), `${names[method]} ${shareText(stepsByMethod[method] / numSteps)}`)
        return item
      }),
    )
  }
}

function shareOf(method: Method): HTMLElement {
  const part = make('span', 'share')
  part.dataset.method = method
  return part
}

function lastText(last: Figures['last']): string {
  if (!last) return '–'
  return last.method === 'off' ? names.off : `${names[last.method]}, depth ${last.depth}`
}

function show(id: string, text: string): void {
  element(id, HTMLElement).textContent = text
}
