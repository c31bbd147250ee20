import { Gate } from '@foretoken/engine'
import { expect, it } from 'vitest'
import { mulberry32 } from './random-model'
import { inTurns } from './turns'

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
