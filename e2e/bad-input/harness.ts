import { createEngine, isEngineError } from 'foretoken'
import { bundledModelUrl } from '@foretoken/tiny-models'
Object.assign(globalThis, { createEngine, isEngineError, bundledModelUrl: bundledModelUrl.href })
