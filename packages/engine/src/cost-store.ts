/** Measured cost tables, kept between visits where there is IndexedDB. Losing them costs one calibration. */

import type { CostTable } from '@foretoken/scheduler'
import { kernelRevision } from '@foretoken/shaders'
import { get, set } from 'idb-keyval'

export interface StoredCosts {
  target: CostTable
  draft: CostTable
}

const hasStore = (): boolean => typeof indexedDB !== 'undefined'

export function costKey(adapter: string, model: string, draft: string | undefined): string {
  return `foretoken/cost/r${kernelRevision}/${adapter}/${model}/${draft ?? '-'}`
}

export async function loadCosts(key: string): Promise<StoredCosts | undefined> {
  if (!hasStore()) return undefined
  try {
    return await get<StoredCosts>(key)
  } catch {
    return undefined // private windows refuse storage
  }
}

export async function saveCosts(key: string, costs: StoredCosts): Promise<void> {
  if (!hasStore()) return
  try {
    await set(key, costs)
  } catch {
    // The next visit calibrates again.
  }
}
