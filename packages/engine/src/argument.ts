/** Arguments of a caller: a number in its range, and the error for what is not allowed. */
import { EngineError } from '@foretoken/errors'
import type { DraftCandidate } from './types'

export function number(
  name: string,
  value: unknown,
  fallback: number,
  min: number,
  max: number,
  whole = false,
): number {
  const given = value ?? fallback
  const fits =
    typeof given === 'number' && given >= min && given <= max && (!whole || Number.isInteger(given))
  if (fits) return given
  throw bad(name, given, `a ${whole ? 'whole ' : ''}number from ${min} to ${max}`)
}

/** Of `adviseDraft`. */
export function checkCandidates(candidates: readonly DraftCandidate[]): void {
  if (!Array.isArray(candidates)) throw bad('candidates', candidates, 'an array')
  for (const [i, candidate] of candidates.entries()) {
    const at = `candidates[${i}]`
    const { name, stepMs, agreement } = (candidate ?? {}) as Partial<DraftCandidate>
    if (typeof name !== 'string') throw bad(`${at}.name`, name, 'a text')
    number(`${at}.stepMs`, stepMs, Number.NaN, Number.MIN_VALUE, 1e9)
    const { tar, depth, survival } = (agreement ?? {}) as {
      tar?: number
      depth?: number
      survival?: number[]
    }
    if (Array.isArray(survival)) {
      for (const [j, chance] of survival.entries())
        number(`${at}.agreement.survival[${j}]`, chance, Number.NaN, 0, 1)
    } else {
      number(`${at}.agreement.depth`, depth, Number.NaN, 1, 1e6, true)
      number(`${at}.agreement.tar`, tar, Number.NaN, 1, depth! + 1)
    }
  }
}

/** `bad-request` with the value as it was given, as far as it can cross to another thread. */
export function bad(argument: string, value: unknown, allowed: string): EngineError {
  const plain = value === null || typeof value === 'number' || typeof value === 'boolean'
  const shown = plain || typeof value === 'bigint' ? String(value) : (asJson(value) ?? typeof value)
  const details = { argument, value: plain ? value : shown, allowed }
  return new EngineError('bad-request', `"${argument}" is ${shown}; allowed: ${allowed}.`, details)
}

function asJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)?.slice(0, 200)
  } catch {
    return undefined // a cycle, or a bigint inside
  }
}
