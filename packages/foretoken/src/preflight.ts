/** Looks at a model before it is loaded. */
import type { EngineOptions, ModelSource, Preflight } from '@foretoken/engine/types'
import { abortedError } from '@foretoken/errors'
import { checkOptions } from './check-options.ts'
import { wireOptions } from './wire-options.ts'
import { callWorker, openLink } from './worker-call.ts'

/**
 * What `createEngine({ model, ...options })` would download and take of the GPU on this device: reads the headers of
 * model and draft, the first few megabytes, and nothing else. All sizes are in bytes. Throws what `createEngine` would
 * throw for options that are wrong and for files that cannot be had, are broken or not supported; a model that does not
 * fit is told by `fits` and `reason`.
 */
export async function preflight(
  model: ModelSource,
  options: Omit<EngineOptions, 'model'> = {},
): Promise<Preflight> {
  checkOptions(options)
  const [request, { signal }] = wireOptions({ ...options, model })
  const link = openLink()
  try {
    return await callWorker(link, (remote, port) => remote.preflight(request, port), { signal })
  } finally {
    link.close(abortedError('preflight'))
  }
}
