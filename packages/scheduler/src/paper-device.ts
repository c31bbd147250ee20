/**
 * A device for the scheduler's tests that computes nothing but knows what it computed from: the key and value of a
 * position are a hash of all tokens up to it, a token is drawn from the hash that its row sees. It has its own copy of
 * tokens, tables and lengths, as the GPU does. A row that finds anything else than its own past in its blocks fails.
 */
import { expect } from 'vitest'
import { BLOCK_SIZE } from './block-pool'
import { lookup } from './lookup'
import type { Sequence } from './sequence'
import type { Pass, Row, Step, Verdict, VerdictRequest } from './step'

const VOCAB = 5
const NONE = -1

/** The hash of everything before and this token. */
const pastOf = (before: number, token: number): number =>
  (Math.imul((before ^ (before >>> 15)) + token + 2, 0x9e3779b1) ^ 0x2c1b3c6d) >>> 0

function pastsOf(tokens: readonly number[]): number[] {
  let past = 0
  return tokens.map(token => {
    past = pastOf(past, token)
    return past
  })
}

const draw = (past: number, seed: number): number => (pastOf(past, seed) >>> 8) % VOCAB

/** What a request's tokens must be, whoever shares the device. */
export function tokensAlone({ request, maxLength }: Sequence): number[] {
  const tokens = [...request.prompt]
  let past = tokens.reduce(pastOf, 0)
  while (tokens.length < maxLength) {
    const token = draw(past, request.sampling.seed)
    tokens.push(token)
    if (request.endIds.includes(token)) break
    past = pastOf(past, token)
  }
  return tokens
}

interface Place {
  tokens: number[]
  blocks: number[]
  length: number
}

export class PaperDevice {
  numRows = 0
  readonly #places: Place[] = []
  readonly #kv: number[] = []
  readonly #draftKv: number[] = []

  /** `luck`: whether the draft model guesses right, by how many times it was asked. */
  constructor(readonly luck: (asked: number) => boolean) {}

  #numAsked = 0

  admit({ index, tokens, length }: Sequence): void {
    this.#places[index] = { tokens: [...tokens], blocks: [], length }
  }

  /** Runs a step at once, as the queue is in order. Its verdicts may be committed later. */
  submit(step: Step): Verdict[] {
    for (const { index, blocks } of step.tables) this.#places[index]!.blocks = [...blocks]
    for (const { sequence, tokens } of step.guesses) this.#write(this.#placeOf(sequence), tokens)
    for (const { sequence, depth } of step.lookups) {
      const place = this.#placeOf(sequence)
      const found = lookup(place.tokens.slice(0, place.length), depth)
      this.#write(place, [...found, ...new Array<number>(depth - found.length).fill(NONE)])
    }
    for (const pass of step.draftPasses) this.#draft(step, pass)
    this.#attend(step, step.targetPass.rows, this.#kv)
    this.numRows += step.targetPass.rows.length
    return step.targetPass.verdicts.map(verdict => this.#judge(step, verdict))
  }

  #placeOf({ index }: Sequence): Place {
    return this.#places[index]!
  }

  #write(place: Place, tokens: readonly number[]): void {
    place.tokens.splice(place.length, tokens.length, ...tokens)
  }

  #position(step: Step, { sequence, position }: Pick<Row, 'sequence' | 'position'>): number {
    return step.isAhead ? position + this.#placeOf(sequence).length : position
  }

  /** Every row leaves its key and value, then looks at all up to its own. */
  #attend(step: Step, rows: readonly Row[], kv: number[]): void {
    for (const sequence of new Set(rows.map(row => row.sequence))) {
      const place = this.#placeOf(sequence)
      const slotOf = (position: number): number =>
        place.blocks[Math.floor(position / BLOCK_SIZE)]! * BLOCK_SIZE + (position % BLOCK_SIZE)
      const positions = rows.filter(row => row.sequence === sequence).map(row => this.#position(step, row))
      const pasts = pastsOf(place.tokens.slice(0, positions.at(-1)! + 1))
      for (const position of positions) {
        const slot = slotOf(position)
        if (!(step.isAhead || sequence.slotOf(position) === slot) || Number.isNaN(slot))
          expect.fail(`Position ${position} has no slot, or two.`)
        kv[slot] = pasts[position]!
      }
      const seen = pasts.map((_, position) => kv[slotOf(position)])
      if (seen.some((past, i) => past !== pasts[i])) expect(seen).toEqual(pasts)
    }
  }

  #draft(step: Step, { rows, samples }: Pass): void {
    this.#attend(step, rows, this.#draftKv)
    for (const { sequence, position } of samples) {
      const place = this.#placeOf(sequence)
      const at = this.#position(step, { sequence, position })
      const right = this.#drawAt(sequence, at)
      place.tokens[at] = this.luck(this.#numAsked++) ? right : (right + 1) % VOCAB
    }
  }

  #drawAt(sequence: Sequence, position: number): number {
    const past = this.#placeOf(sequence).tokens.slice(0, position).reduce(pastOf, 0)
    return draw(past, sequence.request.sampling.seed)
  }

  #judge(step: Step, { sequence, length, depth }: VerdictRequest): Verdict {
    const place = this.#placeOf(sequence)
    const begin = step.isAhead ? place.length + length : length
    expect(begin).toBe(place.length)
    const drafted = place.tokens.slice(begin, begin + depth)
    const numDrafted = drafted.includes(NONE) ? drafted.indexOf(NONE) : depth
    const tokens: number[] = []
    let stopped = false
    for (let i = 0; i <= numDrafted && !stopped; i++) {
      const token = this.#drawAt(sequence, begin + i)
      tokens.push(token)
      stopped = sequence.request.endIds.includes(token)
      if (i < numDrafted && token !== drafted[i]) break
    }
    const numAccepted = tokens.filter((token, i) => i < numDrafted && token === drafted[i]).length
    this.#write(place, tokens)
    place.length += tokens.length
    return { sequence, tokens, numDrafted, numAccepted, stopped }
  }
}
