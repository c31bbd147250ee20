/** The page: what the parts do to each other. */
import { element } from '@foretoken/look'
import { EngineError, type GenerateOptions } from 'foretoken'
import { AlertBox, type Remedy } from './alert-box.ts'
import { Answer } from './answer.ts'
import { Composer } from './composer.ts'
import { Conversation } from './conversation.ts'
import { EngineSlot, type LoadedEngine } from './engine-slot.ts'
import { asEngineError, isAborted } from './error-words.ts'
import { FactsView, isSoftware } from './facts-view.ts'
import { Figures } from './figures.ts'
import { FiguresView } from './figures-view.ts'
import { FrameRender } from './frame-render.ts'
import { LoadBar } from './load-bar.ts'
import type { ModelChoice } from './model-choice.ts'
import { bundledChoice } from './model-list.ts'
import { announce, type PageState, pageState, setPageState } from './page-state.ts'
import { SettingsPanel } from './settings-panel.ts'
import { messagesUpTo, newTurn, type Turn } from './turn.ts'
import { Welcome } from './welcome.ts'

/** A longer answer is not read out by itself: its reader finds it in the conversation. */
const announcedLength = 600

export class ChatPage {
  readonly #slot = new EngineSlot()
  readonly #alert = new AlertBox()
  readonly #loadBar = new LoadBar(() => this.#slot.cancel())
  readonly #facts = new FactsView()
  readonly #figures = new FiguresView()
  readonly #settings = new SettingsPanel(tinted => this.#conversation.setTinted(tinted, this.#running?.turn))
  readonly #welcome = new Welcome(prompt => this.send(prompt))
  readonly #conversation = new Conversation({
    regenerate: turn => this.#regenerate(turn),
    goOn: turn => this.#generate(turn, { prompt: turn.prompt + turn.answer.text }),
  })
  readonly #composer = new Composer({
    send: prompt => this.send(prompt),
    stop: () => this.stop(),
    changeMode: () => this.#renderWelcome(),
  })
  /** What is being loaded. */
  #wanted: ModelChoice | undefined
  /** What was loaded last. */
  #taken: ModelChoice | undefined
  #running: { turn: Turn; abort: AbortController; done: Promise<void> } | undefined

  async load(choice: ModelChoice): Promise<void> {
    this.stop()
    await this.#running?.done
    this.#alert.hide()
    this.#loadBar.start()
    this.#wanted = choice
    if (!this.#slot.loaded) nameModel(choice.name)
    this.#setState('loading', `Loading ${choice.name}`)
    try {
      const loaded = await this.#slot.load(choice, progress => {
        setPageState('loading', this.#loadBar.update(progress))
      })
      this.#takeUp(loaded)
    } catch (error) {
      if (this.#slot.isLoading) return // a later load has overtaken this one
      const failure = asEngineError(error)
      if (!isAborted(error)) this.#alert.show(failure, this.#loadRemedies(choice, failure.code))
      this.#settle()
    }
  }

  #loadRemedies(choice: ModelChoice, code: EngineError['code']): Remedy[] {
    const again = () => void this.load(choice)
    const freeFirst = () => void this.#slot.free().then(again)
    const isKept = this.#slot.loaded !== undefined
    const remedies: Remedy[] = []
    if (code === 'out-of-memory' && isKept)
      remedies.push({ words: 'Free the current model, try again', act: freeFirst })
    if (code === 'download') remedies.push({ words: 'Try again', act: again })
    if (!isKept && choice.model !== 'bundled') {
      remedies.push({ words: 'Load the bundled model', act: () => void this.load(bundledChoice) })
    }
    return remedies
  }

  /** Begins a turn, if a model is there and idle. */
  send(prompt: string): void {
    if (pageState() !== 'ready') return
    const turn = newTurn(this.#composer.mode, prompt)
    this.#conversation.add(turn)
    this.#welcome.hidden = true
    void this.#generate(turn, this.#requestOf(turn))
  }

  /** For what the page itself finds wrong with a model. */
  complain(message: string): void {
    this.#alert.show(new EngineError('bad-model', message))
  }

  stop(): void {
    this.#running?.abort.abort()
  }

  async startAnew(): Promise<void> {
    this.stop()
    await this.#running?.done
    this.#conversation.clear()
    this.#figures.render(new Figures(0))
    this.#alert.hide()
    this.#welcome.hidden = false
    this.#renderWelcome()
    this.#composer.focus()
  }

  #takeUp({ choice, stats }: LoadedEngine): void {
    this.#settings.setDraft(stats.draft !== null)
    nameModel(choice.name)
    if (choice !== this.#taken) this.#composer.setMode(choice.mode) // a reload leaves the user's mode
    this.#taken = choice
    this.#settle()
  }

  /** Loading has ended, one way or the other. */
  #settle(): void {
    this.#wanted = undefined
    const { loaded } = this.#slot
    this.#loadBar.hide()
    this.#facts.render(loaded?.stats, loaded?.choice.name ?? '')
    if (loaded) this.#setReady(loaded)
    else {
      nameModel('none')
      this.#setState('error', 'No model is loaded')
    }
  }

  #setReady({ stats }: LoadedEngine): void {
    this.#setState('ready', isSoftware(stats.adapter) ? 'Ready, in software: slow' : 'Ready')
  }

  #setState(state: PageState, words: string): void {
    setPageState(state, words)
    this.#composer.setState(state === 'ready', state === 'generating')
    this.#renderWelcome()
  }

  #renderWelcome(): void {
    const choice = this.#slot.loaded?.choice ?? this.#wanted
    this.#welcome.render(this.#composer.mode, choice, pageState() === 'ready')
  }

  #regenerate(turn: Turn): void {
    if (pageState() !== 'ready') return
    turn.answer = new Answer()
    this.#conversation.restart(turn)
    void this.#generate(turn, this.#requestOf(turn))
  }

  #requestOf(turn: Turn): GenerateOptions {
    if (turn.mode === 'continue') return { prompt: turn.prompt }
    return { messages: messagesUpTo(this.#conversation.turns, turn) }
  }

  async #generate(turn: Turn, request: GenerateOptions): Promise<void> {
    const { loaded } = this.#slot
    if (!loaded || pageState() !== 'ready') return
    this.#alert.hide()
    const abort = new AbortController()
    const { seed, temperature, maxTokens, speculation } = this.#settings
    const options = { ...request, seed, temperature, maxTokens, speculation, signal: abort.signal }
    turn.answer.begin(seed, performance.now())
    this.#setState('generating', 'Writing')
    this.#conversation.follow()
    const done = this.#stream(loaded, turn, options)
    this.#running = { turn, abort, done }
    await done
  }

  async #stream(loaded: LoadedEngine, turn: Turn, options: GenerateOptions): Promise<void> {
    const { answer } = turn
    const frame = new FrameRender(() => {
      this.#conversation.render(turn, answer.end === undefined)
      this.#figures.render(answer.figures)
    })
    frame.request()
    let lost = false
    try {
      for await (const batch of loaded.engine.generate(options)) {
        answer.add(batch, performance.now())
        frame.request()
      }
      answer.end ??= 'stopped'
    } catch (error) {
      answer.end = isAborted(error) ? 'stopped' : 'failed'
      lost = await this.#generationFailed(error)
    }
    this.#running = undefined
    frame.now()
    announce(endAnnouncement(turn))
    if (lost) this.#settle()
    else this.#setReady(loaded)
  }

  /** True if the engine is gone with it. */
  async #generationFailed(error: unknown): Promise<boolean> {
    if (isAborted(error)) return false
    const failure = asEngineError(error)
    const choice = this.#slot.loaded?.choice
    const isLost = failure.code === 'device-lost'
    const remedies: Remedy[] = []
    if (isLost && choice) remedies.push({ words: 'Reload the model', act: () => void this.load(choice) })
    if (failure.code === 'context-full') {
      remedies.push({ words: 'New conversation', act: () => void this.startAnew() })
    }
    this.#alert.show(failure, remedies)
    if (isLost) await this.#slot.free()
    return isLost
  }
}

function nameModel(name: string): void {
  element('model-name', HTMLSpanElement).textContent = name
}

function endAnnouncement({ answer }: Turn): string {
  if (answer.end === 'failed') return ''
  if (answer.end === 'stopped') return 'Stopped.'
  const text = answer.text.length <= announcedLength ? ` ${answer.text}` : ''
  return `Answer complete, ${answer.figures.numTokens} tokens.${text}`
}
