/** What ran at each step: one row per request, one column per step. */
import { element, make } from '@foretoken/look'
import type { Engine } from 'foretoken'
import { colourOf, onTheme, style } from './colours.ts'

export type StepEvent = ReturnType<Engine['steps']> extends AsyncGenerator<infer Event> ? Event : never

/** Steps kept and shown, at most. */
const NUM_STEPS = 160
const COLUMN = 9
const HEIGHT = 224
const MAX_DEPTH = 16

export class TimelineView {
  readonly #canvas = element('timeline', HTMLCanvasElement)
  readonly #note = element('timeline-note', HTMLParagraphElement)
  readonly #legend = element('timeline-legend', HTMLUListElement)
  /** Steps, and the lane of each of their requests. */
  #shown: Array<{ event: StepEvent; lanes: number[] }> = []
  /** Requests by lane; a lane is free again once its request has left. */
  #lanes: Array<number | undefined> = []
  #pointed: number | undefined
  #isStale = false

  constructor() {
    onTheme(() => this.#draw())
    new ResizeObserver(() => this.#draw()).observe(this.#canvas)
    this.#canvas.addEventListener('pointermove', event => {
      this.#pointed = this.#firstShown() + Math.floor(event.offsetX / COLUMN)
      this.#draw()
    })
    this.#canvas.addEventListener('pointerleave', () => {
      this.#pointed = undefined
      this.#draw()
    })
  }

  clear(): void {
    this.#shown = []
    this.#lanes = []
    this.#draw()
  }

  add(event: StepEvent): void {
    this.#shown.push({ event, lanes: this.#lanesOf(event) })
    if (this.#shown.length > NUM_STEPS) this.#shown.shift()
    if (this.#isStale) return
    this.#isStale = true
    requestAnimationFrame(() => this.#draw())
  }

  #lanesOf({ requests }: StepEvent): number[] {
    const running = new Set(requests.map(({ id }) => id))
    this.#lanes = this.#lanes.map(id => (id !== undefined && running.has(id) ? id : undefined))
    return requests.map(({ id }) => {
      const own = this.#lanes.indexOf(id)
      if (own >= 0) return own
      const free = this.#lanes.indexOf(undefined)
      const lane = free < 0 ? this.#lanes.length : free
      this.#lanes[lane] = id
      return lane
    })
  }

  #firstShown(): number {
    return Math.max(0, this.#shown.length - Math.floor(this.#canvas.clientWidth / COLUMN))
  }

  #draw(): void {
    this.#isStale = false
    const shown = this.#shown.slice(this.#firstShown())
    const numLanes = 1 + Math.max(0, ...shown.flatMap(({ lanes }) => lanes))
    const laneHeight = Math.min(64, HEIGHT / numLanes)
    const height = laneHeight * numLanes
    const { clientWidth: width } = this.#canvas
    this.#canvas.style.height = `${height}px`
    this.#canvas.width = width * devicePixelRatio
    this.#canvas.height = height * devicePixelRatio
    const context = this.#canvas.getContext('2d')!
    context.scale(devicePixelRatio, devicePixelRatio)
    const colours = new Map<string, string>()
    const colour = (name: string): string => {
      const known = colours.get(name) ?? colourOf(name)
      colours.set(name, known)
      return known
    }
    for (const [column, { event, lanes }] of shown.entries()) {
      if (this.#firstShown() + column === this.#pointed) {
        context.fillStyle = style('--raised')
        context.fillRect(column * COLUMN, 0, COLUMN, height)
      }
      for (const [i, request] of event.requests.entries()) {
        cell(context, request, column * COLUMN, lanes[i]! * laneHeight, laneHeight, colour)
      }
    }
    this.#say(this.#shown.at(this.#pointed ?? -1)?.event)
    this.#drawLegend(colours)
  }

  #say(event: StepEvent | undefined): void {
    if (!event) return
    const { step, rows, stepMs, requests, ahead } = event
    const tokens = requests.reduce((sum, request) => sum + request.tokens, 0)
    const who = requests
      .filter(({ method }) => method !== 'off')
      .map(({ method, depth, accepted }) => `${method} ${accepted}/${depth}`)
    this.#note.textContent =
      `Step ${step}: ${stepMs.toFixed(1)} ms, ${rows} rows for ${requests.length} requests, ${tokens} tokens` +
      `${ahead ? ', planned ahead' : ''}. ${who.length > 0 ? `Accepted of drafted: ${who.join(', ')}.` : 'No drafts.'}`
  }

  #drawLegend(colours: ReadonlyMap<string, string>): void {
    const items = [...colours].map(([name, colour]) => {
      const item = make(
        'li',
        '',
        name === 'off' ? 'no draft' : name === 'prefill' ? 'reading a prompt' : name,
      )
      item.style.setProperty('--swatch', colour)
      return item
    })
    this.#legend.replaceChildren(...items)
  }
}

/** From the bottom of its lane: the token that every step gives, then the draft, accepted part filled. */
function cell(
  context: CanvasRenderingContext2D,
  { method, depth, accepted, tokens }: StepEvent['requests'][number],
  x: number,
  top: number,
  laneHeight: number,
  colour: (name: string) => string,
): void {
  const width = COLUMN - 2
  const bottom = top + laneHeight - 3
  const unit = (laneHeight - 6) / (MAX_DEPTH + 2)
  if (tokens === 0) {
    context.fillStyle = colour('prefill')
    context.fillRect(x, top + laneHeight / 3, width, laneHeight / 3)
    return
  }
  context.fillStyle = colour('off')
  context.fillRect(x, bottom - 2 * unit, width, 2 * unit)
  if (depth === 0) return
  context.fillStyle = colour(method)
  context.fillRect(x, bottom - (2 + accepted) * unit, width, accepted * unit)
  context.strokeStyle = colour(method)
  context.lineWidth = 1
  context.strokeRect(x + 0.5, bottom - (2 + depth) * unit, width - 1, depth * unit)
}
