export { Engine } from './engine'
export type { EngineInternals } from './load-engine'
export type * from './types'
