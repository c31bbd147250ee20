/** The n-gram cache between visits: per vocabulary, whose ids it holds, and name. */
import { NgramCache, type NgramEntries } from '@foretoken/scheduler'
import type { Tokenizer } from '@foretoken/tokenizer'
import { del, get, set } from 'idb-keyval'
import { hasStore, withinPatience } from './browser-store'

export class NgramStore {
  #numSaved = 0

  private constructor(
    readonly key: string,
    readonly cache: NgramCache,
  ) {}

  /** As it was left; empty where there is none, or none that can be read. */
  static async open(name: string, tokenizer: Tokenizer): Promise<NgramStore> {
    const store = new NgramStore(`foretoken/ngrams/1/${vocabularyHash(tokenizer)}/${name}`, new NgramCache())
    const entries = hasStore() ? await withinPatience(get<NgramEntries>(store.key)) : undefined
    if (isEntries(entries)) store.cache.restore(entries)
    return store
  }

  /** Does nothing where nothing was learned since. Losing it costs guesses, nothing else. */
  async save(): Promise<void> {
    const { numLearned } = this.cache
    if (!hasStore() || numLearned === this.#numSaved) return
    this.#numSaved = numLearned
    await set(this.key, this.cache.entries()).catch(() => undefined)
  }

  async clear(): Promise<void> {
    this.cache.clear()
    this.#numSaved = 0
    if (hasStore()) await del(this.key).catch(() => undefined)
  }
}

const isEntries = (value: unknown): value is NgramEntries =>
  Array.isArray(value) && value.every(entry => typeof entry?.[0] === 'string' && Array.isArray(entry[1]))

/** FNV-1a over the tokens' texts: equal where the same ids mean the same. */
function vocabularyHash(tokenizer: Tokenizer): string {
  let hash = 0x811c9dc5
  const add = (code: number): void => {
    hash = Math.imul(hash ^ code, 0x01000193)
  }
  for (let id = 0; id < tokenizer.vocabSize; id++) {
    const text = tokenizer.tokenText(id)
    for (let i = 0; i < text.length; i++) add(text.charCodeAt(i))
    add(0x10000)
  }
  return `${tokenizer.vocabSize}-${(hash >>> 0).toString(16)}`
}
