/**
 * What drafters cost that are loaded and off: an engine with them beside one without, in turns. Both are new: what one has
 * done before is not what its drafters cost.
 */
import type { Engine } from '@foretoken/engine'
import type { BenchRow } from './bench-context'
import { medianInterval } from './median-interval'
import { outputOf, recordSteps } from './step-record'
import { answer, requestOf, tasksOf } from './workloads'

/** Tokens per second with drafters loaded and off, over those without: 1 is no tax at all. */
export async function* offTax(
  load: (drafters: 'with' | 'without') => Promise<Engine>,
  pairs: number,
): AsyncGenerator<BenchRow> {
  const [withDrafters, without] = [await load('with'), await load('without')]
  const tasks = tasksOf('story')
  const ratios: number[] = []
  for (let pair = 0; pair < pairs; pair++) {
    const task = tasks[pair % tasks.length]!
    const speeds = new Map<Engine, number>()
    // Whoever is second finds a warmer or a more tired machine.
    const order = pair % 2 === 0 ? [withDrafters, without] : [without, withDrafters]
    for (const engine of order) speeds.set(engine, await plainSpeed(engine, task))
    ratios.push(speeds.get(withDrafters)! / speeds.get(without)!)
  }
  for (const engine of [withDrafters, without]) await engine.dispose()
  yield { name: 'off_tax', metric: 'ratio', unit: 'x', ...medianInterval(ratios) }
}

async function plainSpeed(engine: Engine, task: string): Promise<number> {
  const request = { ...requestOf(task), maxTokens: 64, ignoreEos: true, speculation: 'off' } as const
  const { steps } = await recordSteps(engine, () => answer(engine, request))
  const { tokens, seconds } = outputOf(steps)
  return tokens / seconds
}
