/** The page: what is running, and the views that show it. */
import { bytesText, element, make, parametersText } from '@foretoken/look'
import { POLICY_NAMES } from '@foretoken/scheduler'
import { createEngine, type Engine, type EngineStats } from 'foretoken'
import { AdviceView } from './advice-view.ts'
import { BeliefView } from './belief-view.ts'
import { LoadView } from './load-view.ts'
import { PromptsView } from './prompts-view.ts'
import { TimelineView } from './timeline-view.ts'
import { WorkloadRun } from './workload-run.ts'
import { isWorkload } from './workloads.ts'

/** Between two looks at the engine's figures, in ms. */
const LOOK_EVERY = 500
const MAX_CONCURRENT = 16

export class LabPage {
  readonly #form = element('controls', HTMLFormElement)
  readonly #button = element('run', HTMLButtonElement)
  readonly #status = element('status', HTMLParagraphElement)
  readonly #alert = element('alert', HTMLDivElement)
  readonly #timeline = new TimelineView()
  readonly #belief = new BeliefView()
  readonly #load = new LoadView()
  readonly #advice = new AdviceView()
  #engine: Engine | undefined
  #run: WorkloadRun | undefined

  constructor() {
    const policies = POLICY_NAMES.map(name => {
      const option = make('option', '', name)
      option.selected = name === 'goodput'
      return option
    })
    this.#field('policy').append(...policies)
    new PromptsView().draw()
    this.#form.addEventListener('submit', event => {
      event.preventDefault()
      if (this.#run) this.#run.stop()
      else void this.#start()
    })
  }

  async load(): Promise<void> {
    try {
      const engine = await createEngine({
        model: 'bundled',
        maxConcurrent: MAX_CONCURRENT,
        onProgress: ({ phase, file }) => this.#say('loading', `Loading the ${file}: ${phase}`),
      })
      const stats = await engine.stats()
      this.#engine = engine
      this.#showFacts(stats)
      await this.#look(engine, stats)
      this.#button.disabled = false
      this.#say('ready', 'Ready. Choose a workload and press Run.')
      void this.#follow(engine)
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Every step of the engine, whoever asked for it. */
  async #follow(engine: Engine): Promise<void> {
    for await (const event of engine.steps()) this.#timeline.add(event)
  }

  async #start(): Promise<void> {
    const data = new FormData(this.#form)
    const workload = data.get('workload')
    const policy = POLICY_NAMES.find(name => name === data.get('policy'))
    if (!this.#engine || !isWorkload(workload) || !policy) return
    this.#alert.hidden = true
    this.#timeline.clear()
    const run = new WorkloadRun(this.#engine, { workload, policy, concurrency: this.#concurrency })
    this.#run = run
    this.#button.textContent = 'Stop'
    document.body.dataset.state = 'running'
    const timer = setInterval(() => void this.#lookAgain(run), LOOK_EVERY)
    try {
      await run.done
      await this.#lookAgain(run)
    } catch (error) {
      this.#fail(error)
    } finally {
      clearInterval(timer)
      this.#run = undefined
      this.#button.textContent = 'Run'
      document.body.dataset.state = 'ready'
    }
  }

  async #lookAgain(run: WorkloadRun): Promise<void> {
    const stats = await run.engine.stats()
    await this.#look(run.engine, stats)
    const { num_accepted_tokens: accepted, num_drafts: drafts } = stats
    const length = drafts > 0 ? `, ${(1 + accepted / drafts).toFixed(2)} tokens per drafted step` : ''
    this.#say('running', `${run.tokensPerSecond.toFixed(0)} tokens/s with all requests together${length}`)
  }

  async #look(engine: Engine, stats: EngineStats): Promise<void> {
    this.#belief.draw(stats, this.#concurrency)
    this.#advice.draw(await engine.adviseDraft())
    this.#load.update(stats)
  }

  get #concurrency(): number {
    return Number(this.#field('concurrency').value)
  }

  #field(name: string): HTMLSelectElement {
    const found = this.#form.elements.namedItem(name)
    if (!(found instanceof HTMLSelectElement)) throw new Error(`index.html has no select ${name}.`)
    return found
  }

  #showFacts({ model, draft, adapter, gpuBytes }: EngineStats): void {
    const bytes = gpuBytes.weights + gpuBytes.kv + gpuBytes.work
    const pair = draft ? ` with ${draft.name} (${parametersText(draft.parameters)})` : ''
    element('facts', HTMLParagraphElement).textContent =
      `${model.name} (${parametersText(model.parameters)})${pair}, ${bytesText(bytes)} on ${adapter || 'an unnamed adapter'}`
  }

  #say(state: 'loading' | 'ready' | 'running', text: string): void {
    document.body.dataset.state = state
    this.#status.textContent = text
  }

  #fail(error: unknown): void {
    document.body.dataset.state = 'error'
    this.#alert.textContent = error instanceof Error ? error.message : String(error)
    this.#alert.hidden = false
    this.#status.textContent = 'Stopped by an error'
  }
}
