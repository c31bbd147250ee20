/** The study of real prompts as a table: what two drafters that need no model would have guessed right. */
import { element, shareText } from '@foretoken/look'
import study from '../../../results/prompt-study.json'
import { figuresTable } from './figures-table.ts'

const DEPTH = '4'

export class PromptsView {
  draw(): void {
    const byCategory = Map.groupBy(study.categories, ({ category }) => category)
    const rows = [...byCategory].map(([category, drafters]) => {
      const figures = ['lookup', 'cache'].flatMap(name => {
        const found = drafters.find(({ drafter }) => drafter === name)
        if (!found) return ['–', '–', '–']
        return [shareText(found.hitRate), shareText(found.survival[0]), found.tokensPerStep[DEPTH].toFixed(2)]
      })
      return [category, ...figures]
    })
    const columns = ['lookup', 'cache'].flatMap(name => [`${name}: hits`, 'first right', `tokens/step at ${DEPTH}`])
    element('prompts', HTMLDivElement).replaceChildren(figuresTable(['Category', ...columns], rows))
  }
}
