export { Engine } from './engine'
export type { EngineInternals } from './load-engine'
export { preflight } from './preflight'
export type * from './types'
