/** How a caller says who is to guess, and how far; refused where whoever it is was not loaded. */
import { DRAFT_MODELS, MAX_DEPTH, MAX_NODES, type Method, type SequenceRequest } from '@foretoken/scheduler'
import { bad, number } from './argument'
import type { Speculation } from './types'

export interface LoadedDrafters {
  numDrafts: number
  numHeads: number
  trees: boolean
  ngramCache: boolean
}

const methods = ['lookup', 'cache', 'draft', 'heads', 'tree', 'grammar'] as const
const fields: Partial<Record<(typeof methods)[number], string>> = { draft: 'draft', tree: 'from' }
const sources = ['heads', 'draft', 'lookup'] as const

export function parseSpeculation(
  value: Speculation = 'auto',
  loaded: LoadedDrafters,
): SequenceRequest['speculation'] {
  if (value === 'auto' || value === 'off') return value
  const given = (value ?? {}) as Record<string, unknown>
  const method = methods.find(name => name === given.method)
  if (!method) {
    const shape = `{ method: ${methods.map(name => `'${name}'`).join(' | ')}, depth }`
    throw bad('speculation', value, `'auto', 'off' or ${shape}`)
  }
  const known = ['method', 'depth', fields[method]]
  const extra = Object.keys(given).find(name => !known.includes(name))
  if (extra !== undefined) {
    throw bad(`speculation.${extra}`, given[extra], `${known.filter(Boolean).join(', ')} with '${method}'`)
  }
  const drafter = drafterOf(method, given, loaded)
  const most = deepest(drafter, loaded)
  const depth = number('speculation.depth', given.depth, Number.NaN, 0, most, true)
  return depth === 0 ? 'off' : { method: drafter, depth }
}

function deepest(drafter: Method, { numHeads }: LoadedDrafters): number {
  if (drafter.endsWith('-tree')) return MAX_NODES
  return drafter === 'heads' ? numHeads : MAX_DEPTH
}

function drafterOf(
  method: (typeof methods)[number],
  given: Record<string, unknown>,
  loaded: LoadedDrafters,
): Method {
  if (method === 'tree') return treeOf(given.from, loaded)
  if (method === 'draft') return draftModel(given.draft ?? 0, loaded.numDrafts)
  if (method === 'cache' && !loaded.ngramCache)
    throw notLoaded(method, 'no n-gram cache: ngramCache is false')
  if (method === 'heads' && loaded.numHeads === 0) throw notLoaded(method, 'no heads are loaded')
  return method
}

function draftModel(index: unknown, numDrafts: number): Method {
  if (numDrafts === 0) throw notLoaded('draft', 'no draft model is loaded')
  return DRAFT_MODELS[number('speculation.draft', index, 0, 0, numDrafts - 1, true)]!
}

function treeOf(from: unknown, { numDrafts, numHeads, trees }: LoadedDrafters): Method {
  if (!trees)
    throw notLoaded('tree', 'trees are where trees: true was and the device passed its check of them')
  const there = sources.filter(
    source => source === 'lookup' || (source === 'heads' ? numHeads : numDrafts) > 0,
  )
  const source = from === undefined ? there[0] : there.find(name => name === from)
  if (!source)
    throw bad('speculation.from', from, `${there.map(name => `'${name}'`).join(' or ')}: what is loaded`)
  return `${source}-tree`
}

const notLoaded = (method: string, why: string) => bad('speculation.method', method, `what is loaded; ${why}`)
