/** Steps of nobody's sequence, for measuring and checking at load, before anybody else has index 0 and block 0. */
import { MAX_DEPTH, type Pass, Sequence, type Step } from '@foretoken/scheduler'
import type { Runner } from './runner'

/** The least context in which a trial fits. */
export const MIN_CONTEXT = 32

export class Trial {
  readonly sequence: Sequence

  /** `scoring`: the step's logits are read back. */
  constructor(runner: Runner, vocab: number, scoring = false) {
    const start = Math.min(24, runner.resident.sizes.contextLength - MAX_DEPTH - 2)
    this.sequence = new Sequence(
      {
        prompt: Array.from({ length: start }, (_, i) => (i * 7 + 1) % vocab),
        maxTokens: MAX_DEPTH + 2,
        sampling: { temperature: 1, topK: 0, topP: 1, minP: 0, seed: 0 },
        endIds: [],
        speculation: 'off',
        scoreOnly: scoring,
      },
      start + MAX_DEPTH + 2,
    )
    this.sequence.index = 0
    this.sequence.blocks = [0]
    runner.admit(this.sequence)
  }

  get start(): number {
    return this.sequence.length
  }

  step(targetPass: Pass, draftPasses: Pass[] = []): Step {
    return { draftPasses, targetPass, guesses: [], choices: new Map() }
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

  /** The last token and a draft of `depth`, judged. */
  verify(depth: number): Pass {
    const verdict = { sequence: this.sequence, length: this.start, firstSample: 0, depth }
    return { ...this.rows(this.start - 1, depth + 1), verdicts: [verdict] }
  }

  /** A draft pass that catches up with `numRows` positions and draws one token. */
  catchUp(numRows: number): Pass {
    const pass = this.rows(this.start - numRows, numRows)
    return { ...pass, samples: pass.samples.slice(-1) }
  }
}
