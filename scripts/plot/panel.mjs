// One coordinate system of a plot: frame, grid, ticks, titles. All lengths in pixels.

export const colours = ['#0072b2', '#d55e00', '#009e73', '#aa4499', '#b8860b']
const ink = '#222222'
const faint = '#dddddd'
/** Around the frame, for ticks and titles. */
const margin = { left: 62, right: 14, top: 34, bottom: 56 }

const escaped = value => String(value).replace(/[&<>]/g, c => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c])
const round = value => Math.round(value * 10) / 10

export function text(x, y, value, { anchor = 'middle', size = 12, fill = ink, rotate, weight } = {}) {
  const turn = rotate ? ` transform="rotate(${rotate} ${round(x)} ${round(y)})"` : ''
  const bold = weight ? ` font-weight="${weight}"` : ''
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" font-size="${size}" fill="${fill}"${bold}${turn}>${escaped(value)}</text>`
}

export function line(x1, y1, x2, y2, stroke = ink, more = '') {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="${stroke}" ${more}/>`
}

export const polyline = (points, stroke) =>
  `<polyline fill="none" stroke="${stroke}" stroke-width="2" points="${points.map(p => p.map(round).join()).join(' ')}"/>` +
  points.map(([x, y]) => `<circle cx="${round(x)}" cy="${round(y)}" r="2.5" fill="${stroke}"/>`).join('')

export const rectangle = (x, y, width, height, fill) =>
  `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" fill="${fill}"/>`

/** A whole file. White behind everything: it may be looked at on a dark page. */
export function svgFile(width, height, title, content) {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" role="img">`,
    `<title>${escaped(title)}</title>`,
    rectangle(0, 0, width, height, '#ffffff'),
    ...content,
    '</svg>\n',
  ].join('\n')
}

/** Marks of the series by name, in a row. */
export function legend(x, y, names) {
  let at = x
  return names.map((name, i) => {
    const mark = rectangle(at, y - 9, 14, 10, colours[i])
    const label = text(at + 20, y, name, { anchor: 'start' })
    at += 40 + 7.5 * name.length
    return mark + label
  })
}

/**
 * A panel at (x, y). `xTicks` and `yTicks` are [value, label, …], a label per line; `toX` maps a value to 0..1, y grows from 0 to `yMax`.
 * `draw(place)` gets a function from values to pixels.
 */
export function panel({ x, y, width, height, title, xLabel, yLabel, xTicks, yTicks, yMax, toX }, draw) {
  const left = x + margin.left
  const top = y + margin.top
  const innerWidth = width - margin.left - margin.right
  const innerHeight = height - margin.top - margin.bottom
  const bottom = top + innerHeight
  const placeX = value => left + toX(value) * innerWidth
  const placeY = value => bottom - (value / yMax) * innerHeight
  const grid = yTicks.map(([value]) => line(left, placeY(value), left + innerWidth, placeY(value), faint))
  return [
    ...grid,
    ...yTicks.map(([value, label]) => text(left - 7, placeY(value) + 4, label, { anchor: 'end' })),
    ...xTicks.flatMap(([value, ...lines]) =>
      lines.map((label, i) => text(placeX(value), bottom + 17 + 13 * i, label, { size: 11 })),
    ),
    ...draw({ x: placeX, y: placeY }),
    line(left, top, left, bottom),
    line(left, bottom, left + innerWidth, bottom),
    text(left + innerWidth / 2, top - 12, title, { weight: 600 }),
    text(left + innerWidth / 2, bottom + 46, xLabel),
    text(x + 16, top + innerHeight / 2, yLabel, { rotate: -90 }),
  ]
}

/** About `count` round steps from 0 to at least `max`, as ticks. */
export function ticksTo(max, count = 6) {
  const rough = max / count
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 2.5, 5, 10].find(factor => factor * power >= rough) * power
  return Array.from({ length: Math.ceil(max / step - 1e-9) + 1 }, (_, i) => {
    const value = i * step
    return [value, String(Number(value.toPrecision(6)))]
  })
}
