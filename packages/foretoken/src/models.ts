/** The models in the browser's storage, which downloads leave there. */
import type { ModelSource, StorageUse, StoredModel } from '@foretoken/engine/types'
import { abortedError } from '@foretoken/errors'
import type { Remote } from 'comlink'
import { resolveSource } from './model-address.ts'
import type { Outcome, WorkerSurface } from './protocol.ts'
import { openLink } from './worker-call.ts'

export const models = {
  /** All of them by name, those that were only begun too (`complete` is false). */
  list: (): Promise<StoredModel[]> => inWorker(remote => remote.listModels()),

  /** The bytes that they take, and what the browser grants. */
  size: (): Promise<StorageUse> => inWorker(remote => remote.storageUse()),

  /**
   * Deletes one, named as it was loaded or by the `url` of the list; { repo } without a file means all of that repository.
   * Resolves to whether there was something to delete.
   */
  async delete(model: ModelSource): Promise<boolean> {
    const source = resolveSource(model, 'model')
    return inWorker(remote => remote.deleteModel(source))
  },
} as const

async function inWorker<T>(call: (remote: Remote<WorkerSurface>) => Promise<Outcome<T>>): Promise<T> {
  const link = openLink()
  try {
    return await link.call(call)
  } finally {
    link.close(abortedError('models'))
  }
}
