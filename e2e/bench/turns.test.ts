import { Gate } from '@foretoken/engine'
import { expect, it } from 'vitest'
import { mulberry32 } from './random-model'
import { type Clock, inTurns } from './turns'

const after = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

it('one runs at a time, for as many turns as it needs, and each has its own clock', async () => {
  let numRunning = 0
  const order: string[] = []
  const job = (name: string, numSteps: number) => {
    const gate = new Gate()
    const work = async (): Promise<string> => {
      for (let step = 0; step < numSteps; step++) {
        await gate.pass()
        numRunning++
        if (order.at(-1) !== name) order.push(name)
        await after(5)
        expect(numRunning).toBe(1)
        numRunning--
      }
      return name
    }
    return { gate, work }
  }
  const [long, short] = await inTurns([job('long', 24), job('short', 12)], mulberry32(1), 20)
  expect([long!.result, short!.result]).toEqual(['long', 'short'])
  expect(order.length).toBeGreaterThan(4)
  expect(long!.seconds).toBeGreaterThan(1.2 * short!.seconds)
})

it('one that is idle gives its turn back, and waits by its own clock', async () => {
  let numRunning = 0
  const job = (times: readonly number[]) => {
    const gate = new Gate()
    const work = async (clock: Clock): Promise<number[]> => {
      const begun: number[] = []
      for (const time of times) {
        await clock.until(time)
        await gate.pass()
        begun.push(clock.now())
        numRunning++
        await after(5)
        expect(numRunning).toBe(1)
        numRunning--
      }
      return begun
    }
    return { gate, isIdle: () => numRunning === 0, work }
  }
  const times = [0, 50, 110, 110, 170]
  const begin = performance.now()
  const runs = await inTurns([job(times), job(times)], mulberry32(1), 20)
  const elapsed = performance.now() - begin
  for (const { result, seconds } of runs) {
    for (const [i, began] of result.entries()) expect(began).toBeGreaterThanOrEqual(times[i]!)
    expect(1000 * seconds).toBeGreaterThan(170)
  }
  expect(1000 * (runs[0]!.seconds + runs[1]!.seconds)).toBeLessThan(elapsed + 1)
})
