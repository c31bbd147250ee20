/**
 * Jobs that take turns, each on an engine of its own. What disturbs the machine disturbs it for seconds: whoever runs for
 * some tenths of one, then another, and so on, has its share of it, as all others have.
 */
import type { Gate } from '@foretoken/engine'
import { shuffled } from './shuffled'

export interface Job<T> {
  /** Of its engine. */
  gate: Gate
  work: () => Promise<T>
}

export interface Done<T> {
  result: T
  /** While it was its turn. */
  seconds: number
}

/** Whole steps, until so much time is over, in ms. */
const TURN_MS = 300

/** In random order, again and again, until all have ended. */
export async function inTurns<T>(
  jobs: ReadonlyArray<Job<T>>,
  random: () => number,
  turnMs = TURN_MS,
): Promise<Array<Done<T>>> {
  const players = jobs.map(job => new Player(job))
  for (let left = players; left.length > 0; left = left.filter(player => !player.hasEnded)) {
    for (const player of shuffled(left, random)) await player.takeTurn(turnMs)
  }
  return Promise.all(players.map(async ({ result, ms }) => ({ result: await result, seconds: ms / 1000 })))
}

class Player<T> {
  readonly result: Promise<T>
  readonly #gate: Gate
  hasEnded = false
  ms = 0

  constructor({ gate, work }: Job<T>) {
    this.#gate = gate
    void gate.close()
    this.result = work().finally(() => {
      this.hasEnded = true
      gate.open()
    })
  }

  async takeTurn(turnMs: number): Promise<void> {
    const begin = performance.now()
    this.#gate.open()
    await Promise.race([this.result, after(turnMs)])
    if (!this.hasEnded) await Promise.race([this.result, this.#gate.close()])
    this.ms += performance.now() - begin
  }
}

const after = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))
