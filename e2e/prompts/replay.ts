/** How far a drafter's guesses hold along a text that is known: no model is needed to tell. */
import { MAX_DEPTH } from '@foretoken/scheduler'

/** Up to `depth` guesses for what follows the tokens. */
export type Guesser = (tokens: readonly number[], depth: number) => readonly number[]

/** A guess at one place of the text. */
export interface Guessed {
  /** Tokens guessed that the text is long enough to judge; 0: no guess. */
  offered: number
  /** Of them, how many hold, from the first on. */
  accepted: number
}

/** What is guessed at every place of `continuation`, whose first token follows `context`. */
export function replay(
  context: readonly number[],
  continuation: readonly number[],
  guess: Guesser,
): Guessed[] {
  const tokens = [...context]
  return continuation.map((token, at) => {
    const rest = continuation.slice(at, at + MAX_DEPTH)
    const guesses = guess(tokens, MAX_DEPTH).slice(0, rest.length)
    const wrong = guesses.findIndex((guessed, i) => guessed !== rest[i])
    tokens.push(token)
    return { offered: guesses.length, accepted: wrong < 0 ? guesses.length : wrong }
  })
}

/** Where steps begin if every guess is verified to this depth: a step gives the tokens that hold and one more. */
export function stepsOf(places: readonly Guessed[], depth: number): Guessed[] {
  const steps: Guessed[] = []
  for (let at = 0; at < places.length; at += steps.at(-1)!.accepted + 1) {
    const { offered, accepted } = places[at]!
    steps.push({ offered: Math.min(offered, depth), accepted: Math.min(accepted, depth) })
  }
  return steps
}
