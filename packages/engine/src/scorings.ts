/** Prompts that are scored: their logits as they come, row by row, until each has them all. */
import { EngineError, invariant } from '@foretoken/errors'
import type { Sample, Sequence } from '@foretoken/scheduler'

interface Scoring {
  logits: Float32Array // [tokens, vocab]
  numRows: number
  resolve: (logits: Float32Array) => void
  reject: (error: EngineError) => void
}

export class Scorings {
  readonly #scorings = new Map<Sequence, Scoring>()

  constructor(readonly vocab: number) {}

  /** Settles with all logits of the sequence, in `logits`. */
  add(sequence: Sequence, logits: Float32Array): Promise<Float32Array> {
    return new Promise((resolve, reject) => {
      this.#scorings.set(sequence, { logits, numRows: 0, resolve, reject })
    })
  }

  /** One that had to give way is scored from its first token again. */
  restart(sequence: Sequence): void {
    const scoring = this.#scorings.get(sequence)
    if (scoring) scoring.numRows = 0
  }

  delete(sequence: Sequence): void {
    this.#scorings.delete(sequence)
  }

  /** Hands each its rows of a step's logits [samples, stride]. Returns those that are complete. */
  deliver(samples: readonly Sample[], logits: Float32Array): Sequence[] {
    const stride = logits.length / samples.length
    for (const [i, { sequence }] of samples.entries()) {
      const scoring = this.#scorings.get(sequence)
      scoring?.logits.set(
        logits.subarray(i * stride, i * stride + this.vocab),
        scoring.numRows++ * this.vocab,
      )
    }
    const complete = [...this.#scorings].filter(([{ finishReason }]) => finishReason === 'scored')
    for (const [sequence, { numRows, resolve, logits: all }] of complete) {
      invariant(numRows === sequence.length, () => 'a score for every position')
      resolve(all)
    }
    return complete.map(([sequence]) => sequence)
  }

  /** Returns those that it ended. */
  fail(error: EngineError): Sequence[] {
    for (const { reject } of this.#scorings.values()) reject(error)
    return [...this.#scorings.keys()]
  }
}

export function allocateLogits(tokens: number, vocab: number): Float32Array {
  try {
    return new Float32Array(tokens * vocab)
  } catch {
    const asked = tokens * vocab * 4
    throw new EngineError('out-of-memory', `Logits of ${tokens} positions need ${asked} bytes.`, {
      asked,
      tokens,
      vocab,
    })
  }
}
