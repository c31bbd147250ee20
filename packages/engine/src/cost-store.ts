/** Measured cost tables, kept between visits where there is IndexedDB. Losing them costs one calibration. */

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

export function costKey(adapter: string, model: string, draft: string | undefined): string {
  return `foretoken/cost/2/r${kernelRevision}/${adapter}/${model}/${draft ?? '-'}`
}

/** Undefined where nothing is stored, storage is refused (private windows) or does not answer (a blocked upgrade). */
export async function loadCosts(key: string): Promise<StoredCosts | undefined> {
  if (!hasStore()) return undefined
  const patience = new Promise<undefined>(resolve => setTimeout(resolve, PATIENCE_MS))
  const stored = await Promise.race([get<StoredCosts>(key).catch(() => undefined), patience])
  return stored && isTable(stored.target) && isTable(stored.draft) ? stored : undefined
}

export async function saveCosts(key: string, costs: StoredCosts): Promise<void> {
  if (!hasStore()) return
  try {
    await set(key, costs)
  } catch {
    // The next visit calibrates again.
  }
}
