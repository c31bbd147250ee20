/**
 * Jobs that take turns, each on an engine of its own. What disturbs the machine disturbs it for seconds: whoever runs for
 * some tenths of one, then another, and so on, has its share of it, as all others have.
 */
import type { Gate } from '@foretoken/engine'
import { shuffled } from './shuffled'

export interface Job<T> {
  /** Of its engine. */
  gate: Gate
  /** Whether its engine has nothing to do; absent: it always has something. */
  isIdle?: () => boolean
  /** Resolves when what it has left under way is over, which is nobody's time; absent: it leaves nothing. */
  settled?: () => Promise<unknown>
  work: (clock: Clock) => Promise<T>
}

/** It goes while it is the job's turn. */
export interface Clock {
  /** Ms since the first turn. */
  now(): number
  /** Resolves at that time, or at once where it is over. */
  until(ms: number): Promise<void>
}

export interface Done<T> {
  result: T
  /** While it was its turn. */
  seconds: number
}

/** Whole steps, until so much time is over, in ms. */
const TURN_MS = 300
/** How often a player that ends its turn looks whether it has become idle. */
const LOOK_MS = 2

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
  return Promise.all(
    players.map(async player => ({ result: await player.result, seconds: player.now() / 1000 })),
  )
}

class Player<T> implements Clock {
  readonly result: Promise<T>
  readonly #gate: Gate
  readonly #isIdle: () => boolean
  readonly #settled: (() => Promise<unknown>) | undefined
  hasEnded = false
  /** Of the turns that are over. */
  #ms = 0
  #begin: number | undefined
  #waiting: Array<() => void> = []

  constructor({ gate, isIdle = () => false, settled, work }: Job<T>) {
    this.#gate = gate
    this.#isIdle = isIdle
    this.#settled = settled
    void gate.close()
    this.result = work(this).finally(() => {
      this.hasEnded = true
      gate.open()
    })
  }

  now(): number {
    return this.#begin === undefined ? this.#ms : this.#ms + performance.now() - this.#begin
  }

  async until(ms: number): Promise<void> {
    while (this.now() < ms) {
      if (this.#begin === undefined) await new Promise<void>(resolve => this.#waiting.push(resolve))
      else await after(ms - this.now())
    }
  }

  async takeTurn(turnMs: number): Promise<void> {
    this.#begin = performance.now()
    for (const resolve of this.#waiting.splice(0)) resolve()
    this.#gate.open()
    await Promise.race([this.result, after(turnMs)])
    await this.#stop()
    this.#ms = this.now()
    this.#begin = undefined
    if (this.hasEnded) await this.#settled?.()
  }

  /** At the end of a step, or at once where none is under way. */
  async #stop(): Promise<void> {
    if (this.hasEnded) return
    let isHeld = false
    const held = this.#gate.close().then(() => {
      isHeld = true
    })
    while (!isHeld && !this.hasEnded && !this.#isIdle())
      await Promise.race([this.result, held, after(LOOK_MS)])
  }
}

const after = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))
