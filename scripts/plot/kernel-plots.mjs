// The plots of the suite kernels: each takes its rows and gives the text of an SVG file.
import { colours, legend, line, panel, polyline, rectangle, svgFile, text, ticksTo } from './panel.mjs'

/** What a pass over several rows may cost beside one over a single row. */
const limits = [
  { rows: 4, cost: 1.8 },
  { rows: 8, cost: 2.8 },
]
const limitColour = '#cc0000'
const head = 64

const distinct = (rows, key) => [...new Set(rows.map(row => row[key]))]
const labelled = rows =>
  rows.map(row => (row.numerics === 'fast' ? { ...row, format: `${row.format} fast` } : row))
const top = ticks => ticks.at(-1)[0]

const heading = (title, note) => [
  text(16, 24, title, { anchor: 'start', size: 16, weight: 600 }),
  text(16, 43, note, { anchor: 'start', fill: '#555555' }),
]

/** c(rows) of the whole model, a line per format, and the limits. */
export function verifyCost(all, note) {
  const rows = labelled(all.filter(row => row.metric === 'relative_cost' && row.value !== null))
  const formats = distinct(rows, 'format')
  const yTicks = ticksTo(Math.max(...rows.map(row => row.value), 3))
  const maxRows = Math.max(...rows.map(row => row.rows))
  const [width, height] = [760, 500]
  const frame = {
    ...{ x: 0, y: head, width, height: height - head, title: '', yTicks, yMax: top(yTicks) },
    xLabel: 'rows in one pass',
    yLabel: 'cost (x that of one row)',
    xTicks: [1, 4, 8, 12, 16, 20, 24, 28, 32].filter(n => n <= maxRows).map(n => [n, n]),
    toX: value => value / maxRows,
  }
  const title = `What a pass over several rows costs: ${distinct(rows, 'model').join(', ')}`
  const content = panel(frame, place => [
    ...noGain(place, maxRows, frame.yMax),
    ...formats.map((format, i) => {
      const own = rows.filter(row => row.format === format)
      return polyline(
        own.map(row => [place.x(row.rows), place.y(row.value)]),
        colours[i],
      )
    }),
    ...limits.flatMap(({ rows: at, cost }) => [
      line(
        place.x(at - 0.7),
        place.y(cost),
        place.x(at + 0.7),
        place.y(cost),
        limitColour,
        'stroke-width="3"',
      ),
      text(place.x(at + 0.7) + 6, place.y(cost) + 4, `limit ${cost}`, { fill: limitColour, anchor: 'start' }),
    ]),
  ])
  return svgFile(width, height, title, [
    ...heading(title, note),
    ...content,
    ...legend(16, head + 4, formats),
  ])
}

/** Where verifying costs as much as decoding one by one. */
function noGain(place, maxRows, yMax) {
  const end = Math.min(maxRows, yMax)
  const [x, y] = [place.x(end * 0.6), place.y(end * 0.6)]
  const label = text(x - 8, y - 8, 'rows one by one', { anchor: 'end', fill: '#777777' })
  return [
    line(place.x(0), place.y(0), place.x(end), place.y(end), '#999999', 'stroke-dasharray="4 4"'),
    label,
  ]
}

/** A grid of panels: models down, formats across; `drawCell` makes one. */
function grid(rows, { title, note, names, cell }, drawCell) {
  const models = distinct(rows, 'model')
  const formats = distinct(rows, 'format')
  const content = models.flatMap((model, down) =>
    formats.flatMap((format, across) => {
      const own = rows.filter(row => row.model === model && row.format === format)
      const at = { ...cell, x: across * cell.width, y: head + 20 + down * cell.height }
      return own.length > 0 ? drawCell(own, { ...at, title: `${model}, ${format}` }) : []
    }),
  )
  const width = Math.max(2, formats.length) * cell.width
  const height = head + 30 + models.length * cell.height
  return svgFile(width, height, title, [...heading(title, note), ...legend(16, head + 4, names), ...content])
}

/** Relative cost of single matrices by rows, a line per kind of matrix. */
export function matmulCost(all, note) {
  const rows = labelled(all.filter(row => row.metric === 'relative_cost' && row.value !== null))
  const names = distinct(rows, 'kind')
  const counts = distinct(rows, 'rows')
  const yTicks = ticksTo(Math.max(...rows.map(row => row.value)))
  const about = { title: 'What a matrix costs by rows', note, names, cell: { width: 330, height: 270 } }
  return grid(rows, about, (own, at) =>
    panel(
      {
        ...{ ...at, yTicks, yMax: top(yTicks) },
        xLabel: 'rows (logarithmic)',
        yLabel: 'cost (x that of one row)',
        xTicks: counts.filter(n => n !== 3 && n !== 6).map(n => [n, n]),
        toX: value => 0.04 + (0.93 * Math.log2(value)) / Math.log2(Math.max(...counts)),
      },
      place =>
        names.map((kind, i) => {
          const points = own.filter(row => row.kind === kind)
          return polyline(
            points.map(row => [place.x(row.rows), place.y(row.value)]),
            colours[i],
          )
        }),
    ),
  )
}

/** How much of the memory's own speed a matrix gets at one row. */
export function bandwidth(all, note) {
  const known = all.filter(row => row.metric === 'bandwidth_fraction' && row.rows === 1 && row.value !== null)
  const rows = labelled(known)
  const names = distinct(rows, 'kind')
  const yTicks = ticksTo(Math.max(1, ...rows.map(row => row.value)), 5)
  const stream = rows[0].stream_gb_per_s.toFixed(1)
  const about = {
    title: 'Speed of reading weights at one row',
    note: `${note}; the memory gives ${stream} GB/s`,
    names,
    cell: { width: 330, height: 270 },
  }
  return grid(rows, about, (own, at) =>
    panel(
      {
        ...{ ...at, yTicks, yMax: top(yTicks) },
        xLabel: 'matrix, output rows x columns',
        yLabel: 'fraction of streaming bandwidth',
        xTicks: own.map((row, i) => [i, row.n, `x ${row.k}`]),
        toX: value => (value + 0.5) / own.length,
      },
      place =>
        own.map((row, i) => {
          const barTop = place.y(row.value)
          const bar = rectangle(
            place.x(i) - 16,
            barTop,
            32,
            place.y(0) - barTop,
            colours[names.indexOf(row.kind)],
          )
          return bar + text(place.x(i), barTop - 5, row.value.toFixed(2), { size: 11 })
        }),
    ),
  )
}
