/** Storage that the browser does not clear by itself can be asked for by a page only, not by its worker. */
import type { WireEngineOptions, WireSource } from './protocol.ts'

const isStored = (source: WireSource | undefined): boolean =>
  typeof source === 'string' ? /^https?:/.test(source) : source !== undefined && 'repo' in source

/** Where something will be stored. Nothing waits for the answer: some browsers ask the user. */
export function askForPersistence({ store = true, model, draft = [], heads }: WireEngineOptions): void {
  const storage = globalThis.navigator?.storage as StorageManager | undefined
  if (store && [model, ...draft, heads].some(isStored)) void storage?.persist?.().catch(() => false)
}
