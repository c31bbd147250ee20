/** What was measured at load, kept between visits where there is IndexedDB. Losing it costs measuring again. */

import type { CostTable } from '@foretoken/scheduler'
import { kernelRevision } from '@foretoken/shaders'
import { get, set } from 'idb-keyval'

export interface StoredCosts {
  target: CostTable
  draft: CostTable
}

const PATIENCE_MS = 500

const hasStore = (): boolean => typeof indexedDB !== 'undefined'

const isTable = (value: unknown): value is CostTable =>
  Array.isArray(value) && value.every(cell => cell?.rows > 0 && cell?.ms > 0)

/** `cut`: costs are those of products cut up that way. */
export function costKey(adapter: string, model: string, draft: string | undefined, cut: string): string {
  return `foretoken/cost/3/r${kernelRevision}/${adapter}/${model}/${draft ?? '-'}/${cut}`
}

export const cutKey = (adapter: string, model: string): string =>
  `foretoken/cut/1/r${kernelRevision}/${adapter}/${model}`

export async function loadCosts(key: string): Promise<StoredCosts | undefined> {
  const stored = await load<StoredCosts>(key)
  return stored && isTable(stored.target) && isTable(stored.draft) ? stored : undefined
}

export const saveCosts = (key: string, costs: StoredCosts): Promise<void> => save(key, costs)

/** The name of a cut. */
export const loadCut = (key: string): Promise<string | undefined> => load<string>(key)
export const saveCut = (key: string, name: string): Promise<void> => save(key, name)

/** Undefined where nothing is stored, storage is refused (private windows) or does not answer (a blocked upgrade). */
async function load<T>(key: string): Promise<T | undefined> {
  if (!hasStore()) return undefined
  const patience = new Promise<undefined>(resolve => setTimeout(resolve, PATIENCE_MS))
  return Promise.race([get<T>(key).catch(() => undefined), patience])
}

async function save(key: string, value: unknown): Promise<void> {
  if (!hasStore()) return
  try {
    await set(key, value)
  } catch {
    // The next visit measures again.
  }
}
