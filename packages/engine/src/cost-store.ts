/** What was measured at load, kept between visits where there is IndexedDB. Losing it costs measuring again. */
import type { CostModel, CostTable, DraftNet } from '@foretoken/scheduler'
import { kernelRevision } from '@foretoken/shaders'
import { get, set } from 'idb-keyval'
import { hasStore, withinPatience } from './browser-store'

interface StoredCosts {
  target: CostTable
  drafts: Partial<Record<DraftNet, CostTable>>
}

const isTable = (value: unknown): value is CostTable =>
  Array.isArray(value) && value.every(cell => cell?.rows > 0 && cell?.ms > 0)

/** `drafters`: what drafts beside the model. `cut`: costs are those of products cut up that way. */
export function costKey(adapter: string, model: string, drafters: readonly string[], cut: string): string {
  return `foretoken/cost/4/r${kernelRevision}/${[adapter, model, ...drafters, cut].join('/')}`
}

export const cutKey = (adapter: string, model: string): string =>
  `foretoken/cut/1/r${kernelRevision}/${adapter}/${model}`

/** Of products that are cut up that way. */
export const speedupKey = (adapter: string, model: string, cut: string): string =>
  `foretoken/speedup/1/r${kernelRevision}/${[adapter, model, cut].join('/')}`

/** Of `numerics: 'fast'`. */
export async function loadSpeedup(key: string): Promise<number | undefined> {
  const stored = hasStore() ? await withinPatience(get<unknown>(key)) : undefined
  return typeof stored === 'number' && stored > 0 ? stored : undefined
}
export const saveSpeedup = (key: string, speedup: number): Promise<void> => save(key, speedup)

/** The name of a cut. */
export const loadCut = async (key: string): Promise<string | undefined> =>
  hasStore() ? withinPatience(get<string>(key)) : undefined
export const saveCut = (key: string, name: string): Promise<void> => save(key, name)

/** False where nothing is stored, storage is refused (private windows) or does not answer (a blocked upgrade). */
export async function restoreCosts(key: string, cost: CostModel): Promise<boolean> {
  if (!hasStore()) return false
  const stored = await withinPatience(get<StoredCosts>(key))
  if (!stored || !isTable(stored.target)) return false
  cost.target.restore(stored.target)
  for (const [net, curve] of curvesOf(cost)) {
    const table = stored.drafts?.[net]
    if (isTable(table)) curve.restore(table)
  }
  return true
}

export async function saveCosts(key: string, cost: CostModel): Promise<void> {
  const drafts = Object.fromEntries(curvesOf(cost).map(([net, curve]) => [net, curve.measurements()]))
  await save(key, { target: cost.target.measurements(), drafts })
}

/** If it fails, the next visit measures again. */
async function save(key: string, value: unknown): Promise<void> {
  if (hasStore()) await set(key, value).catch(() => undefined)
}

const curvesOf = ({ drafts }: CostModel) =>
  Object.entries(drafts) as Array<[DraftNet, CostModel['drafts'][DraftNet]]>
