import { abortedError } from '@foretoken/errors'
import { expect, it } from 'vitest'
import { StepFeed } from './step-feed'
import type { StepEvent } from './types'

const event = (step: number): StepEvent => ({
  step,
  rows: 1,
  samples: 1,
  promptRows: 0,
  requests: [],
  stepMs: 1,
  num_running: 1,
  num_waiting: 0,
  ahead: false,
})

it('tells every listener what came since it listens', async () => {
  const feed = new StepFeed()
  expect(feed.isHeard).toBe(false)
  feed.push(event(1))
  const first = feed.listen()
  const heard = [first.next()]
  feed.push(event(2))
  const second = feed.listen()
  heard.push(second.next(), first.next())
  feed.push(event(3))
  expect((await Promise.all(heard)).map(({ value }) => value?.step)).toEqual([2, 3, 3])
  await first.return()
  expect(feed.isHeard).toBe(true)
  await second.return()
  expect(feed.isHeard).toBe(false)
})

it('ends by the signal, and with the engine, after what is queued', async () => {
  const feed = new StepFeed()
  const controller = new AbortController()
  const mine = feed.listen(controller.signal)
  const others = feed.listen()
  const pending = [mine.next(), others.next()]
  feed.push(event(1))
  feed.push(event(2))
  await Promise.all(pending)
  controller.abort()
  feed.fail(abortedError('dispose'))
  for (const [listening, phase] of [
    [mine, 'steps'],
    [others, 'dispose'],
  ] as const) {
    expect((await listening.next()).value?.step).toBe(2)
    await expect(listening.next()).rejects.toMatchObject({ code: 'aborted', details: { phase } })
  }
  expect(feed.isHeard).toBe(false)
  await expect(feed.listen(controller.signal).next()).rejects.toMatchObject({ code: 'aborted' })
})
