/** What ran at each step: one row per request, one column per step. */
import { element, make } from '@foretoken/look'
import type { Engine } from 'foretoken'
import { colourOf, onTheme, style } from './colours.ts'

export type StepEvent = ReturnType<Engine['steps']> extends AsyncGenerator<infer Event> ? Event : never

/** Steps kept and shown, at most. */
const NUM_STEPS = 160
const COLUMN = 9
const MAX_DEPTH = 16

export class TimelineView {
  readonly #canvas = element('timeline', HTMLCanvasElement)
  readonly #note = element('timeline-note', HTMLParagraphElement)
  readonly #legend = element('timeline-legend', HTMLUListElement)
  #events: StepEvent[] = []
  /** Requests by lane; a lane is free again once its request is out of sight. */
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
    this.#events = []
    this.#lanes = []
    this.#draw()
  }

  add(event: StepEvent): void {
    this.#events.push(event)
    if (this.#events.length > NUM_STEPS) this.#events.shift()
    this.#assignLanes(event)
    if (this.#isStale) return
    this.#isStale = true
    requestAnimationFrame(() => this.#draw())
  }

  #assignLanes({ requests }: StepEvent): void {
    const seen = new Set(this.#events.flatMap(event => event.requests.map(({ id }) => id)))
    this.#lanes = this.#lanes.map(id => (id !== undefined && seen.has(id) ? id : undefined))
    for (const { id } of requests) {
      if (this.#lanes.includes(id)) continue
      const free = this.#lanes.indexOf(undefined)
      this.#lanes[free < 0 ? this.#lanes.length : free] = id
    }
  }

  #firstShown(): number {
    return Math.max(0, this.#events.length - Math.floor(this.#canvas.clientWidth / COLUMN))
  }

  #draw(): void {
    this.#isStale = false
    const { clientWidth: width, clientHeight: height } = this.#canvas
    this.#canvas.width = width * devicePixelRatio
    this.#canvas.height = height * devicePixelRatio
    const context = this.#canvas.getContext('2d')!
    context.scale(devicePixelRatio, devicePixelRatio)
    const laneHeight = Math.min(64, height / Math.max(1, this.#lanes.length))
    const colours = new Map<string, string>()
    const colour = (name: string): string => {
      const known = colours.get(name) ?? colourOf(name)
      colours.set(name, known)
      return known
    }
    const first = this.#firstShown()
    for (const [column, event] of this.#events.slice(first).entries()) {
      if (first + column === this.#pointed) {
        context.fillStyle = style('--raised')
        context.fillRect(column * COLUMN, 0, COLUMN, height)
      }
      for (const request of event.requests) {
        const lane = this.#lanes.indexOf(request.id)
        if (lane >= 0) cell(context, request, column * COLUMN, lane * laneHeight, laneHeight, colour)
      }
    }
    this.#say(this.#pointed === undefined ? this.#events.at(-1) : this.#events[this.#pointed])
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
