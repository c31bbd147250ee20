/** IndexedDB, which may be missing, refused (private windows) or blocked by an upgrade in another tab. */
const PATIENCE_MS = 500

export const hasStore = (): boolean => typeof indexedDB !== 'undefined'

/** Undefined where it fails or does not answer. */
export function withinPatience<T>(reading: Promise<T>): Promise<T | undefined> {
  const patience = new Promise<undefined>(resolve => setTimeout(resolve, PATIENCE_MS))
  return Promise.race([reading.catch(() => undefined), patience])
}
