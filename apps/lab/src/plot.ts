/** A line plot (uPlot) in the page's colours that keeps its size and follows the theme. */
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { onTheme, style } from './colours.ts'

export interface Line {
  label: string
  /** What it is called in colours.ts, asked again when the theme changes. */
  colour: () => string
  values: ReadonlyArray<number | null>
  dashed?: boolean
  /** A dot at every value. */
  points?: boolean
}

export interface Ring {
  x: number
  y: number
}

export interface PlotOptions {
  xLabel: string
  yLabel: string
  /** A value as people read it. */
  format?: (value: number) => string
}

const HEIGHT = 240

export class Plot {
  readonly #host: HTMLElement
  readonly #options: PlotOptions
  #plot: uPlot | undefined
  #x: readonly number[] = []
  #lines: readonly Line[] = []
  #ring: Ring | undefined

  constructor(host: HTMLElement, options: PlotOptions) {
    this.#host = host
    this.#options = options
    onTheme(() => this.#rebuild())
    new ResizeObserver(() => this.#plot?.setSize({ width: host.clientWidth, height: HEIGHT })).observe(host)
  }

  draw(x: readonly number[], lines: readonly Line[], ring?: Ring): void {
    const isSame = lines.map(line => line.label).join() === this.#lines.map(line => line.label).join()
    this.#x = x
    this.#lines = lines
    this.#ring = ring
    if (isSame && this.#plot) this.#plot.setData(this.#data())
    else this.#rebuild()
  }

  #data(): uPlot.AlignedData {
    return [[...this.#x], ...this.#lines.map(line => [...line.values])]
  }

  #rebuild(): void {
    this.#plot?.destroy()
    this.#plot = undefined
    if (this.#lines.length === 0) return
    this.#plot = new uPlot(this.#settings(), this.#data(), this.#host)
  }

  #settings(): uPlot.Options {
    const { xLabel, yLabel, format = (value: number) => String(Number(value.toPrecision(3))) } = this.#options
    const quiet = style('--quiet')
    const grid = { stroke: style('--line'), width: 1 }
    const axis = { stroke: quiet, grid, ticks: grid, font: '12px system-ui', labelFont: '12px system-ui' }
    return {
      width: this.#host.clientWidth,
      height: HEIGHT,
      scales: { x: { time: false }, y: { range: (_, __, max) => [0, (max || 1) * 1.08] } },
      axes: [
        { ...axis, label: xLabel, labelSize: 22, size: 34 },
        { ...axis, label: yLabel, labelSize: 22, size: 52 },
      ],
      series: [{ label: xLabel }, ...this.#lines.map(line => series(line, format))],
      hooks: { draw: [plot => this.#drawRing(plot)] },
    }
  }

  #drawRing(plot: uPlot): void {
    if (!this.#ring) return
    const { ctx } = plot
    ctx.save()
    ctx.setLineDash([])
    ctx.beginPath()
    ctx.arc(plot.valToPos(this.#ring.x, 'x', true), plot.valToPos(this.#ring.y, 'y', true), 8, 0, 2 * Math.PI)
    ctx.strokeStyle = style('--ink')
    ctx.lineWidth = 2 * devicePixelRatio
    ctx.stroke()
    ctx.restore()
  }
}

function series({ label, colour, dashed, points }: Line, format: (value: number) => string): uPlot.Series {
  const stroke = colour()
  return {
    label,
    stroke,
    width: 2,
    spanGaps: true,
    ...(dashed ? { dash: [6, 5] } : {}),
    points: { show: points ?? false, size: 5, fill: stroke, stroke },
    value: (_, value) => (value === null || value === undefined ? '–' : format(value)),
  }
}
