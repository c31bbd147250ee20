/** Starts a worker and loads an engine in it. */
import type { EngineOptions } from '@foretoken/engine/types'
import { abortedError } from '@foretoken/errors'
import { EngineClient } from './engine-client.ts'
import { askForPersistence } from './persistence.ts'
import type { Engine } from './types.ts'
import { wireOptions } from './wire-options.ts'
import { callWorker, openLink } from './worker-call.ts'

export async function createEngine(options: EngineOptions): Promise<Engine> {
  const [request, call] = wireOptions(options)
  askForPersistence(request)
  const link = openLink()
  try {
    const loaded = await callWorker(link, (remote, port) => remote.load(request, port), call)
    return new EngineClient(link, loaded)
  } catch (error) {
    link.close(abortedError('load'))
    throw error
  }
}
