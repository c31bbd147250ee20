/** What the model has said in one turn. No DOM. */
import type { TokenBatch } from 'foretoken'
import { Figures, type TokenSource } from './figures.ts'

/** Text that appeared at once, with the tokens that it stands for. A batch does not tell each token's text. */
export interface Run {
  text: string
  sources: TokenSource[]
  numSteps: number
}

export type AnswerEnd = 'stop' | 'length' | 'stopped' | 'failed'

export class Answer {
  text = ''
  readonly runs: Run[] = []
  readonly counts: Record<TokenSource, number> = {
    target: 0,
    draft: 0,
    lookup: 0,
    cache: 0,
    heads: 0,
    grammar: 0,
  }
  figures = new Figures(0)
  seed: number | undefined
  end: AnswerEnd | undefined
  /** Tokens whose text is still held back: half a character, or perhaps a stop text. */
  #heldSources: TokenSource[] = []
  #numHeldSteps = 0

  /** Begins, or goes on after an end. */
  begin(seed: number, nowMs: number): void {
    this.seed = seed
    this.end = undefined
    this.figures = new Figures(nowMs)
  }

  add(batch: TokenBatch, nowMs: number): void {
    this.figures.add(batch, nowMs)
    for (const source of batch.sources) this.counts[source] += 1
    this.#heldSources.push(...batch.sources)
    if (batch.tokens.length > 0) this.#numHeldSteps += 1
    if (batch.finishReason) this.end = batch.finishReason
    if (batch.text !== '') this.#pushRun(batch.text)
  }

  #pushRun(text: string): void {
    this.text += text
    this.runs.push({ text, sources: this.#heldSources, numSteps: this.#numHeldSteps })
    this.#heldSources = []
    this.#numHeldSteps = 0
  }
}

/** The guesser whose tokens are in the run, if any. */
export function guesserOf(run: Run): Exclude<TokenSource, 'target'> | undefined {
  return run.sources.find(source => source !== 'target')
}

/** "3 tokens in one step: 2 drafted and accepted, 1 by the model" */
export function describeRun({ sources, numSteps }: Run): string {
  const count = (source: TokenSource) => sources.filter(other => other === source).length
  const parts = [
    { number: count('draft'), words: 'drafted and accepted' },
    { number: count('lookup'), words: 'looked up and accepted' },
    { number: count('cache'), words: 'remembered and accepted' },
    { number: count('heads'), words: 'foreseen by heads and accepted' },
    { number: count('grammar'), words: 'required by the grammar' },
    { number: count('target'), words: 'by the model' },
  ]
  const tokens = sources.length === 1 ? '1 token' : `${sources.length} tokens`
  const steps = numSteps === 1 ? 'one step' : `${numSteps} steps`
  const said = parts.filter(part => part.number > 0).map(part => `${part.number} ${part.words}`)
  return `${tokens} in ${steps}: ${said.join(', ')}`
}
