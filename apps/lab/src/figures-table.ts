/** A plain table of figures. */
import { make } from '@foretoken/look'

export function figuresTable(
  columns: readonly string[],
  rows: ReadonlyArray<readonly string[]>,
): HTMLTableElement {
  const table = make('table', 'figures')
  const head = make('thead')
  const headRow = make('tr')
  for (const column of columns) {
    const cell = make('th', '', column)
    cell.scope = 'col'
    headRow.append(cell)
  }
  head.append(headRow)
  const body = make('tbody')
  for (const row of rows) {
    const line = make('tr')
    line.append(...row.map(text => make('td', '', text)))
    body.append(line)
  }
  table.append(head, body)
  return table
}
