/** What requests are like: their lengths, and how far each drafter's guesses hold at each place of the answer. */

import type { PolicyName } from '../policies'
import { METHODS, type Method } from '../policy'
import type { Arrival } from './arrivals'
import { hashed, Random } from './random'

/**
 * Tokens that a draft would have accepted that starts when `position` tokens of the answer are there; -1 where the drafter
 * has no guess. A function of the place alone: whatever a policy does, it meets the same text.
 */
export type Outcome = (position: number) => number

export interface SimulatedRequest {
  promptTokens: number
  outputTokens: number
  outcomes: Partial<Record<Method, Outcome>>
  /** What lookup goes by at each place of the answer, where that is known. */
  evidence?: (position: number) => number | undefined
  policy?: PolicyName
}

/** The request that comes with an arrival; the same for the same seed. */
export type Workload = (arrival: Arrival, seed: number) => SimulatedRequest

/** A number drawn for each request: always the same one, or evenly from a range, ends included. */
export type Draw = number | readonly [from: number, to: number]

export interface DrafterBehaviour {
  /** Chance that a token is accepted given those before it; or S(1), S(2), …, in which case drafts end with it. */
  acceptance: number | readonly number[]
  /** How alike requests are: the rate is drawn from a beta distribution of so many tries. Absent: all have the same. */
  concentration?: number
  /** Chance that there is a guess at all. */
  coverage?: number
}

export interface SyntheticWorkload {
  promptTokens: Draw
  outputTokens: Draw
  drafters: Partial<Record<Method, DrafterBehaviour>>
  /** Behaviour changes every so many tokens of an answer, to the next of these and around. */
  phases?: { tokens: number; drafters: ReadonlyArray<Partial<Record<Method, DrafterBehaviour>>> }
  policy?: PolicyName
}

export const syntheticWorkload =
  ({ promptTokens, outputTokens, drafters, phases, policy }: SyntheticWorkload): Workload =>
  (arrival, seed) => {
    const random = new Random(seed)
    const lengths = {
      promptTokens: arrival.promptTokens ?? draw(promptTokens, random),
      outputTokens: arrival.outputTokens ?? draw(outputTokens, random),
    }
    const outcomes: SimulatedRequest['outcomes'] = {}
    for (const [i, method] of METHODS.entries()) {
      const own = (behaviour: DrafterBehaviour | undefined): Outcome =>
        behaviour ? outcomeOf(behaviour, Math.floor(random.uniform() * 2 ** 32) + i, random) : () => -1
      if (!phases && !drafters[method]) continue
      const parts = phases ? phases.drafters.map(part => own(part[method])) : [own(drafters[method])]
      const tokens = phases?.tokens ?? Number.POSITIVE_INFINITY
      outcomes[method] = position => parts[Math.floor(position / tokens) % parts.length]!(position)
    }
    return { ...lengths, outcomes, ...(policy ? { policy } : {}) }
  }

function outcomeOf(
  { acceptance, concentration, coverage = 1 }: DrafterBehaviour,
  seed: number,
  random: Random,
): Outcome {
  const found = (position: number): boolean => coverage === 1 || hashed(seed + 1, position) < coverage
  if (typeof acceptance !== 'number') {
    return position => {
      if (!found(position)) return -1
      const u = hashed(seed, position)
      const end = acceptance.findIndex(survival => u >= survival)
      return end < 0 ? acceptance.length : end
    }
  }
  const rate = concentration
    ? random.beta(acceptance * concentration, (1 - acceptance) * concentration)
    : acceptance
  const perToken = Math.log(rate)
  return position => (found(position) ? Math.floor(Math.log(1 - hashed(seed, position)) / perToken) : -1)
}

/** One real request, played again: what each drafter would have had accepted at each token of the answer. */
export interface RecordedRun {
  promptTokens: number
  outcomes: Partial<Record<Method, readonly number[]>>
}

/** Runs drawn with replacement; an answer is as long as its recording. */
export const recordedWorkload =
  (runs: readonly RecordedRun[]): Workload =>
  (_arrival, seed) => {
    const run = runs[Math.floor(new Random(seed).uniform() * runs.length)]!
    const outcomes: SimulatedRequest['outcomes'] = {}
    for (const method of METHODS) {
      const recorded = run.outcomes[method]
      if (recorded) outcomes[method] = position => recorded[position] ?? -1
    }
    const outputTokens = Math.max(...Object.values(run.outcomes).map(({ length }) => length))
    return { promptTokens: run.promptTokens, outputTokens, outcomes }
  }

/** Each request from one of several workloads, in turn. */
export const mixedWorkload =
  (workloads: readonly Workload[]): Workload =>
  (arrival, seed) =>
    workloads[Math.floor(hashed(seed, 0) * workloads.length)]!(arrival, seed)

function draw(range: Draw, random: Random): number {
  if (typeof range === 'number') return range
  const [from, to] = range
  return from + Math.floor(random.uniform() * (to - from + 1))
}
