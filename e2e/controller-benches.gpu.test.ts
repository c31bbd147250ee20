/** The suites goodput and load, on the smallest model and with hardly anything to do: every row, and no broken promise. */
import { family } from '@foretoken/tiny-models/family'
import { expect, it } from 'vitest'
import type { BenchRow } from './bench/bench-context'
import { goodput } from './bench/goodput.bench'
import { load } from './bench/load.bench'

const models = { model: family.tiny.q8_0, draft: family.tiny.q8_0 }

async function collect(rows: AsyncIterable<BenchRow>): Promise<BenchRow[]> {
  const all: BenchRow[] = []
  for await (const row of rows) all.push(row)
  return all
}

it('compares every choice with the controller', async () => {
  const rows = await collect(
    goodput({
      ...models,
      workloads: ['edit'],
      crowds: [{ concurrency: 2, rounds: 4 }],
      heats: { rounds: 2, finalists: 1 },
      tokensEach: 6,
      maxTokens: 8,
      numTasks: 2,
      depths: { batches: [1, 2], rounds: 1, maxTokens: 48 },
      pairs: 2,
    }),
  )
  const named = (name: string) => rows.filter(row => row.name === name)
  const sides = ['lookup@1', 'lookup@2', 'lookup@4', 'lookup@8', 'draft@1', 'draft@2', 'draft@4', 'draft@8']
  expect(named('goodput').map(row => row.choice)).toEqual(['off', ...sides, 'auto'])
  const finalists = named('goodput').filter(row => row.n === 4)
  expect(finalists.map(row => row.choice)).toEqual(['off', expect.stringContaining('@'), 'auto'])
  expect(named('goodput_vs_off')).toMatchObject([{ workload: 'edit', concurrency: 2, metric: 'ratio', n: 4 }])
  expect(named('goodput_vs_best_fixed')).toMatchObject([{ metric: 'ratio', n: 4, best: expect.any(String) }])
  expect(named('s_opt').map(row => row.batch)).toEqual([1, 2])
  expect(named('off_tax')).toMatchObject([{ metric: 'ratio', n: 2 }])
  for (const { value } of rows) expect(value).toBeGreaterThanOrEqual(0)
  for (const { low, value, high } of rows.filter(row => 'low' in row)) {
    expect(low).toBeLessThanOrEqual(value!)
    expect(high).toBeGreaterThanOrEqual(value!)
  }
})

it('loses no request, at whatever rate they come', async () => {
  const rows = await collect(
    load({
      ...models,
      loads: [0.5, 2],
      maxConcurrent: 2,
      numRequests: 4,
      maxTokens: 4,
    }),
  )
  for (const row of rows.filter(({ metric }) => metric === 'lost')) expect(row.value).toBe(0)
  expect(new Set(rows.map(({ policy }) => policy))).toEqual(new Set(['off', 'fixed', 'smartspec', 'goodput']))
  const value = (metric: string) => rows.filter(row => row.metric === metric).map(row => row.value!)
  for (const [i, p50] of value('p50_latency_ms').entries()) {
    expect(value('ttft_ms')[i]).toBeGreaterThan(0)
    expect(value('p99_latency_ms')[i]).toBeGreaterThanOrEqual(p50)
  }
})
