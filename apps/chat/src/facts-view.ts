/** What is loaded, and on what it runs. */
import { bytesText, countText, element, make, parametersText } from '@foretoken/look'
import type { EngineStats } from 'foretoken'

const softwareAdapters = /swiftshader|llvmpipe|lavapipe|software|microsoft basic render/i

export function isSoftware(adapter: string): boolean {
  return softwareAdapters.test(adapter)
}

export class FactsView {
  readonly #facts = element('facts', HTMLDListElement)
  readonly #note = element('software-note', HTMLParagraphElement)

  render(stats: EngineStats | undefined, name: string): void {
    this.#facts.replaceChildren(...(stats ? factsOf(stats, name) : [['Model', 'none'] as Fact]).map(row))
    this.#note.hidden = !(stats && isSoftware(stats.adapter))
    this.#note.textContent =
      'Software rendering: slow. The browser has no graphics card here, so the processor stands in for one.'
  }
}

type Fact = readonly [name: string, value: string]

function factsOf({ model, draft, gpuBytes, adapter }: EngineStats, name: string): Fact[] {
  const { weights, kv, work } = gpuBytes
  return [
    ['Model', name],
    ['Parameters', `${parametersText(model.parameters)}, ${model.format.toUpperCase()}`],
    ['Draft', draft ? `${draft.name}, ${parametersText(draft.parameters)}` : 'none'],
    ['Context', `${countText(model.contextLength)} tokens`],
    ['Graphics memory', bytesText(weights + kv + work)],
    ['Adapter', adapter || 'not told by the browser'],
  ]
}

function row([name, value]: Fact): HTMLElement {
  const group = make('div')
  const description = make('dd', '', value)
  if (name === 'Adapter') description.dataset.testid = 'adapter'
  group.append(make('dt', '', name), description)
  return group
}
