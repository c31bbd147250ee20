/** Steps of nobody's sequence, for measuring and checking while nobody else has index 0 and the first blocks. */
import {
  blocksFor,
  type DraftNet,
  type DraftPass,
  MAX_DEPTH,
  type Pass,
  Sequence,
  type Step,
} from '@foretoken/scheduler'
import type { Runner } from './runner'

/** The least context in which a trial fits. */
export const MIN_CONTEXT = 32

/** Browsers tell by the millisecond that a step has ended, and Firefox's clock has no finer grain. */
const MEASURED_MS = 20

export interface StepTime {
  ms: number
  /** Undefined where the GPU's clock is not read. */
  gpuMs: number | undefined
}

export class Trial {
  readonly sequence: Sequence
  readonly #runner: Runner

  /**
   * `scoring`: the step's logits are read back. `context`: positions before the first that is measured. `maxRows`: rows
   * of the largest pass.
   */
  constructor(
    runner: Runner,
    vocab: number,
    { scoring = false, context = 24, maxRows = MAX_DEPTH + 1 } = {},
  ) {
    this.#runner = runner
    const start = Math.min(context, runner.resident.sizes.contextLength - maxRows - 1)
    this.sequence = new Sequence(
      {
        prompt: Array.from({ length: start }, (_, i) => (i * 7 + 1) % vocab),
        maxTokens: maxRows + 1,
        sampling: { temperature: 1, topK: 0, topP: 1, minP: 0, seed: 0 },
        endIds: [],
        speculation: 'off',
        scoreOnly: scoring,
      },
      start + maxRows + 1,
    )
    this.sequence.index = 0
    this.sequence.blocks = Array.from({ length: blocksFor(this.sequence.maxLength) }, (_, block) => block)
    runner.admit(this.sequence)
  }

  get start(): number {
    return this.sequence.length
  }

  step(targetPass: Pass, draftPasses: DraftPass[] = []): Step {
    return {
      isAhead: false,
      draftPasses,
      targetPass,
      guesses: [],
      lookups: [],
      choices: new Map(),
      trees: new Map(),
      tables: [this.sequence],
    }
  }

  /** How long a step of these passes takes, in ms. */
  async time(targetPass: Pass, draftPasses: DraftPass[] = []): Promise<number> {
    return (await this.timeParts(targetPass, draftPasses)).ms
  }

  /**
   * The same, and the GPU's own part of it where that is measured. Steps follow one another for `leastMs`, the next submitted
   * before the one before is read, as in a generation; 0: a lone one.
   */
  async timeParts(targetPass: Pass, draftPasses: DraftPass[] = [], leastMs = MEASURED_MS): Promise<StepTime> {
    const submit = () => this.#runner.submit(this.step(targetPass, draftPasses)).outcome
    const begin = performance.now()
    const gpuMs: number[] = []
    for (let running: ReturnType<typeof submit> | undefined = submit(); running; ) {
      const next = performance.now() - begin < leastMs ? submit() : undefined
      gpuMs.push((await running).gpuMs ?? Number.NaN)
      running = next
    }
    const mean = gpuMs.reduce((sum, ms) => sum + ms, 0) / gpuMs.length
    return { ms: (performance.now() - begin) / gpuMs.length, gpuMs: Number.isNaN(mean) ? undefined : mean }
  }

  /** `numRows` sampled rows from position `first` on. */
  rows(first: number, numRows: number): Pass {
    const { sequence } = this
    const rows = Array.from({ length: numRows }, (_, i) => ({ sequence, position: first + i }))
    return {
      rows,
      samples: rows.map(({ position }, row) => ({ row, sequence, position: position + 1 })),
      verdicts: [],
    }
  }

  /** `numRows` of a prompt, from its beginning on, after which a token is drawn. */
  prompt(numRows: number): Pass {
    const pass = this.rows(0, numRows)
    return { ...pass, samples: pass.samples.slice(-1) }
  }

  /** The same rows as the nodes of a tree that is a chain. */
  nodes(first: number, numRows: number): Pass {
    const pass = this.rows(first, numRows)
    const nodeOf = (index: number) => ({
      index,
      parent: Math.max(0, index - 1),
      base: first,
      mask: 2 ** (index + 1) - 1,
    })
    return { ...pass, rows: pass.rows.map((row, i) => ({ ...row, node: nodeOf(i) })) }
  }

  /** The last token and a draft of `depth`, judged; beyond MAX_DEPTH the rows are computed and sampled only. */
  verify(depth: number): Pass {
    const judged = Math.min(depth, MAX_DEPTH)
    const verdict = { sequence: this.sequence, length: this.start, firstSample: 0, depth: judged }
    return { ...this.rows(this.start - 1, depth + 1), verdicts: [verdict] }
  }

  /** A draft pass that catches up with `numRows` positions and draws one token. */
  catchUp(net: DraftNet, numRows: number): DraftPass {
    const pass = this.rows(this.start - numRows, numRows)
    return { net, ...pass, samples: pass.samples.slice(-1) }
  }

  /** A pass of the heads that draws `count` tokens. */
  heads(count: number): DraftPass {
    const pass = this.rows(this.start - 1, 1)
    const samples = Array.from({ length: count }, (_, head) => ({ ...pass.samples[0]!, head }))
    return { net: 'heads', ...pass, samples }
  }
}
