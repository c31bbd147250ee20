import { EngineError, isEngineError } from '@foretoken/errors'
import { describe, expect, it } from 'vitest'
import { pushStream } from './push-stream.ts'
import { WorkerLink } from './worker-link.ts'

/** A link to a worker that runs this script instead of ours. */
function linkTo(script: string): WorkerLink {
  const url = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }))
  return new WorkerLink(new Worker(url, { type: 'module' }))
}

const stepsOf = (link: WorkerLink) =>
  pushStream(link, (remote, port) => remote.steps(port), { phase: 'steps' })

async function rejection(promise: Promise<unknown>): Promise<EngineError> {
  const error: unknown = await promise.then(
    () => undefined,
    reason => reason,
  )
  if (!isEngineError(error)) throw new Error(`expected an EngineError, got ${String(error)}`)
  return error
}

const silence = 'addEventListener("message", () => {})'
const crash = 'addEventListener("message", () => setTimeout(() => { throw new Error("out of luck") }, 20))'

describe('WorkerLink', () => {
  it('rejects calls to a worker whose script is not there', async () => {
    const link = new WorkerLink(new Worker('/absent-worker.js', { type: 'module' }))
    const error = await rejection(link.call(remote => remote.stats()))
    expect(error.code).toBe('internal')
    expect(error.message).toContain('script could not be loaded')
  })

  it('rejects all that is pending when the worker dies, and what comes later', async () => {
    const link = linkTo(crash)
    const pending = [
      rejection(link.call(remote => remote.stats())),
      rejection(link.call(remote => remote.tokenize('a'))),
      rejection(stepsOf(link).next()),
    ]
    for (const error of await Promise.all(pending)) {
      expect(error.code).toBe('internal')
      expect(error.message).toContain('out of luck')
    }
    expect((await rejection(link.call(remote => remote.stats()))).message).toContain('out of luck')
    await link.dispose(new EngineError('aborted', 'late'))
  })

  it('disposes of a worker that does not answer', async () => {
    const link = linkTo(silence)
    const pending = rejection(link.call(remote => remote.stats()))
    const stream = rejection(stepsOf(link).next())
    await link.dispose(new EngineError('aborted', 'Aborted during dispose.', { phase: 'dispose' }))
    expect((await pending).details).toEqual({ phase: 'dispose' })
    expect((await stream).details).toEqual({ phase: 'dispose' })
  })
})
