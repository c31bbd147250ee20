/**
 * A target and its draft may have different vocabularies: the draft then guesses only tokens that both have (Timor et al.,
 * 2502.05202: token-level intersection). Positions stay one to one: every token of the target is read by the draft as the
 * token with the same bytes, its twin, or as what comes nearest.
 */
import { bytePattern } from './token-bytes'
import type { Tokenizer } from './tokenizer'
import { compareIds, type VocabularyDifference } from './vocabulary-difference'

export interface VocabularyPair {
  /**
   * By the target's id, the draft's; undefined where the ids are the same. With NO_TWIN: the draft has no such token, the
   * id is of one that may be read in its place.
   */
  twins: Uint32Array<ArrayBuffer> | undefined
  /** Tokens of text that both have. */
  numCommon: number
  /** Their share of the smaller vocabulary. */
  share: number
  difference: VocabularyDifference | undefined
}

/** Beside an id of the draft. */
export const NO_TWIN = 0x80000000

export function pairVocabularies(target: Tokenizer, draft: Tokenizer): VocabularyPair {
  const { difference, numAlike } = compareIds(target, draft)
  if (!difference) return { twins: undefined, numCommon: numAlike, share: 1, difference }
  const [ours, theirs] = [new TokenIndex(target), new TokenIndex(draft)]
  const twins = new Uint32Array(target.vocabSize)
  let numCommon = 0
  for (const [id, key] of ours.keys.entries()) {
    const twin = theirs.find(key, ours.ranks[id]!)
    twins[id] = twin ?? theirs.nearest(target, id) + NO_TWIN
    if (twin !== undefined && isText(key)) numCommon++
  }
  pairRoles(target, draft, twins)
  const numSmaller = Math.min(ours.numTexts, theirs.numTexts)
  return { twins, numCommon, share: numCommon / Math.max(1, numSmaller), difference }
}

/** What begins a text and what ends a turn have names of their own in every family. */
function pairRoles(target: Tokenizer, draft: Tokenizer, twins: Uint32Array): void {
  const roles = [
    [target.bosId, draft.bosId],
    // Of several ends the last one is that of a turn.
    [target.endIds.at(-1), draft.endIds.at(-1)],
  ]
  for (const [id, twin] of roles) {
    if (id === undefined || twin === undefined || twins[id]! < NO_TWIN || twins.includes(twin)) continue
    twins[id] = twin
  }
}

/** Bytes of a token that are looked at for what comes nearest. */
const MAX_NEAREST_BYTES = 64

/** A vocabulary by what its tokens stand for. */
class TokenIndex {
  /** By id: of a token of text its bytes, a character each, of another its name. */
  readonly keys: string[] = []
  /** By id: which it is of the tokens that stand for the same, those that text becomes before names of bytes. */
  readonly ranks: number[] = []
  readonly #ids = new Map<string, number[]>()

  constructor(readonly tokenizer: Tokenizer) {
    const ofBytes: number[] = []
    for (let id = 0; id < tokenizer.vocabSize; id++) {
      const [text, bytes] = [tokenizer.tokenText(id), tokenizer.tokenBytes(id)]
      this.keys.push(bytes.length > 0 ? asCharacters(bytes) : nameMark + text)
      if (bytes.length === 1 && bytePattern.test(text)) ofBytes.push(id)
      else this.#add(id)
    }
    for (const id of ofBytes) this.#add(id)
  }

  get numTexts(): number {
    return this.keys.filter(isText).length
  }

  #add(id: number): void {
    const key = this.keys[id]!
    const ids = this.#ids.get(key) ?? []
    if (ids.length === 0) this.#ids.set(key, ids)
    this.ranks[id] = ids.push(id) - 1
  }

  find(key: string, rank: number): number | undefined {
    return this.#ids.get(key)?.[rank]
  }

  /** The longest token that the other's ends with: what comes next depends on it most. */
  nearest(other: Tokenizer, id: number): number {
    const bytes = other.tokenBytes(id)
    const named = bytes.length > 0 ? bytes : utf8.encode(other.tokenText(id))
    const text = asCharacters(named.subarray(-MAX_NEAREST_BYTES))
    for (let from = 0; from < text.length; from++) {
      const found = this.find(text.slice(from), 0)
      if (found !== undefined) return found
    }
    return this.tokenizer.bosId ?? 0
  }
}

const latin1 = new TextDecoder('latin1')
const asCharacters = (bytes: Uint8Array): string => latin1.decode(bytes)

const utf8 = new TextEncoder()

/** No byte is this character. */
const nameMark = '\u{100}'
const isText = (key: string): boolean => !key.startsWith(nameMark)
