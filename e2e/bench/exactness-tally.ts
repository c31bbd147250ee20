/** Counts the runs of a mode and makes them a row. */
import type { BenchRow } from './bench-context'
import type { Run } from './exactness-rig'

export class Tally {
  #runs = 0
  #mismatched = 0
  #numDrafted = 0
  #numAccepted = 0

  constructor(
    readonly mode: string,
    readonly format: string,
  ) {}

  add(measured: readonly Run[], runs: number, mismatched: number): void {
    this.#runs += runs
    this.#mismatched += mismatched
    for (const run of measured) {
      this.#numDrafted += run.numDrafted
      this.#numAccepted += run.numAccepted
    }
  }

  row(): BenchRow {
    return {
      name: 'exactness',
      mode: this.mode,
      format: this.format,
      metric: 'mismatched_runs',
      value: this.#mismatched,
      unit: 'runs',
      runs: this.#runs,
      num_draft_tokens: this.#numDrafted,
      num_accepted_tokens: this.#numAccepted,
    }
  }
}
