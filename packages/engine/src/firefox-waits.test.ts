import { afterEach, expect, it, vi } from 'vitest'
import { shortenWaits } from './firefox-waits'

/** Looks whether work is done at every submit, and by itself only after `lookMs`. */
function fakeDevice(lookMs: number) {
  let lose = (): void => {}
  const waiting: Array<() => void> = []
  const look = (): void => {
    for (const tell of waiting.splice(0)) tell()
  }
  const told = (): Promise<void> =>
    new Promise(resolve => {
      waiting.push(resolve)
      if (lookMs === 0) look()
      else setTimeout(look, lookMs)
    })
  const count = { submits: 0 }
  const queue = {
    submit: () => {
      count.submits++
      look()
    },
    onSubmittedWorkDone: told,
  }
  class FakeDevice {
    queue = queue
    lost = new Promise<void>(resolve => {
      lose = resolve
    })
    createBuffer() {
      return { mapAsync: told }
    }
  }
  vi.stubGlobal('GPUDevice', FakeDevice)
  const device = new FakeDevice() as unknown as GPUDevice
  return { device, count, lose }
}

afterEach(() => {
  vi.unstubAllGlobals()
})

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

it('asks until what is waited for is there, and no longer; never a lost device', async () => {
  const { device, count, lose } = fakeDevice(10_000_000)
  const own = device.queue.onSubmittedWorkDone
  await shortenWaits(device)
  expect(device.queue.onSubmittedWorkDone).not.toBe(own)
  count.submits = 0
  const buffer = device.createBuffer({ size: 4, usage: 0 })
  await Promise.all([device.queue.onSubmittedWorkDone(), buffer.mapAsync(1), buffer.mapAsync(1)])
  expect(count.submits).toBeGreaterThan(0)
  await pause(20)
  const asked = count.submits
  await pause(50)
  expect(count.submits).toBe(asked)
  await device.queue.onSubmittedWorkDone()
  expect(count.submits).toBeGreaterThan(asked)

  lose()
  await pause(20)
  count.submits = 0
  void device.queue.onSubmittedWorkDone()
  await pause(50)
  expect(count.submits).toBe(0)
})

it('leaves a device alone that tells at once', async () => {
  const { device, count } = fakeDevice(0)
  await shortenWaits(device)
  expect(Object.hasOwn(device, 'createBuffer')).toBe(false)
  await device.queue.onSubmittedWorkDone()
  expect(count.submits).toBe(0)
})
