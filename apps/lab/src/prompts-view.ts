/** The study of real prompts as a table: what two drafters that need no model would have guessed right. */
import { element, shareText } from '@foretoken/look'
import study from '../../../results/prompt-study.json'
import { figuresTable } from './figures-table.ts'

const DEPTH = '4'

export class PromptsView {
  draw(): void {
    const categories = [...new Set(study.categories.map(({ category }) => category))]
    const rows = categories.map(category => {
      const figures = ['lookup', 'cache'].flatMap(name => {
        const found = study.categories.find(row => row.category === category && row.drafter === name)
        if (!found) return ['–', '–', '–']
        return [shareText(found.hitRate), shareText(found.survival[0]), found.tokensPerStep[DEPTH].toFixed(2)]
      })
      return [category, ...figures]
    })
    const columns = ['lookup', 'cache'].flatMap(name => [
      `${name}: hits`,
      'first right',
      `tokens/step at ${DEPTH}`,
    ])
    element('prompts', HTMLDivElement).replaceChildren(figuresTable(['Category', ...columns], rows))
  }
}
