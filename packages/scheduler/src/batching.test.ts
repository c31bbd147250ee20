import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BLOCK_SIZE } from './block-pool'
import { CostCurve } from './cost-curve'
import { PaperDevice, tokensAlone } from './paper-device'
import { prefillBudget } from './prefill-budget'
import { OVERTAKES_PER_LEVEL, Scheduler, type SchedulerConfig } from './scheduler'
import { config, request, sampling } from './scheduler-case'
import type { Sequence, SequenceRequest } from './sequence'
import type { Step, Verdict } from './step'

interface Arrival {
  request: SequenceRequest
  /** Turns of the loop. */
  at: number
  leaves?: number | undefined
}

interface Served {
  scheduler: Scheduler
  device: PaperDevice
  sequences: Sequence[]
  numAhead: number
}

/** The engine's loop on a paper device: two steps in flight, requests that join and leave at any turn. */
function serve(
  settings: Partial<SchedulerConfig>,
  arrivals: readonly Arrival[],
  luck: readonly boolean[],
): Served {
  const scheduler = new Scheduler({ ...config, ...settings })
  const device = new PaperDevice(asked => luck[asked % luck.length]!)
  const sequences: Sequence[] = []
  let current: { step: Step; verdicts: Verdict[] } | undefined
  let numAhead = 0
  for (let turn = 0; turn < 5000; turn++) {
    arrivals.forEach(({ at, leaves, request: asked }, i) => {
      if (at === turn) sequences[i] = scheduler.add(asked)!
      if (leaves !== undefined && at + leaves === turn) scheduler.remove(sequences[i]!)
    })
    for (const sequence of scheduler.admit()) device.admit(sequence)
    const step = current ? scheduler.planAhead(current.step) : scheduler.plan()
    if (step?.isAhead) numAhead++
    const next = step && { step, verdicts: device.submit(step) }
    if (current) scheduler.commit(current.step, current.verdicts, 1 + current.step.targetPass.rows.length)
    checkBlocks(scheduler)
    if (!current && !next && arrivals.every(({ at }) => at < turn)) {
      return { scheduler, device, sequences, numAhead }
    }
    current = next
  }
  throw new Error('The queue does not drain.')
}

/** No block in two places unless shared and full, and all of them accounted for. */
function checkBlocks({ running, kv }: Scheduler): void {
  const holders = new Map<number, Array<{ sequence: Sequence; end: number }>>()
  for (const sequence of running) {
    expect(new Set(sequence.blocks).size).toBe(sequence.blocks.length)
    sequence.blocks.forEach((block, at) => {
      holders.set(block, [...(holders.get(block) ?? []), { sequence, end: (at + 1) * BLOCK_SIZE }])
    })
  }
  expect(kv.numUsed).toBe(holders.size)
  for (const [first, ...others] of holders.values()) {
    for (const { sequence, end } of others.length > 0 ? [first!, ...others] : []) {
      expect(end).toBe(first!.end)
      expect(sequence.numComputed).toBeGreaterThanOrEqual(end)
      expect(sequence.tokens.slice(0, end)).toEqual(first!.sequence.tokens.slice(0, end))
    }
  }
}

const prompt = (length: number, kind = 0): number[] =>
  Array.from({ length }, (_, i) => ((i * i) % 11) + (i > 70 ? kind * i : 0))

const seeded = (seed: number): typeof sampling => ({ ...sampling, seed })

describe('any mix of requests that join, leave, share prefixes and are preempted', () => {
  const arrival = fc.record({
    at: fc.nat(20),
    length: fc.oneof(fc.integer({ min: 1, max: 220 }), fc.constantFrom(64, 128, 129)),
    kind: fc.nat(7),
    maxTokens: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(200, 250, 300)),
    seed: fc.nat(2),
    priority: fc.integer({ min: -1, max: 1 }),
    stops: fc.nat(7),
    speculation: fc.oneof(
      fc.constantFrom('auto' as const, 'off' as const),
      fc.record({
        method: fc.constantFrom('draft' as const, 'lookup' as const),
        depth: fc.integer({ min: 1, max: 16 }),
      }),
    ),
    leaves: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined, freq: 3 }),
  })
  const arrivals = fc.array(arrival, { minLength: 4, maxLength: 16 })

  it('gives everyone the tokens it has alone, and all blocks come back', () => {
    let [numPreemptions, numTokensShared, numAhead] = [0, 0, 0]
    const property = fc.property(
      arrivals,
      fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 8, max: 10 }),
      (specs, luck, numBlocks) => {
        const served = serve(
          { maxConcurrent: 8, maxWaiting: 16, contextLength: 512, numBlocks },
          specs.map(({ at, leaves, length, kind, seed, stops, ...options }) => ({
            at,
            leaves,
            request: request(length, {
              ...options,
              prompt: prompt(length, kind),
              sampling: seeded(seed),
              endIds: stops === 0 ? [4] : [],
            }),
          })),
          luck,
        )
        served.sequences.forEach((sequence, i) => {
          const alone = tokensAlone(sequence)
          if (specs[i]!.leaves === undefined) expect(sequence.finishReason).toBeDefined()
          if (sequence.finishReason) expect(sequence.tokens).toEqual(alone)
          else expect(alone.slice(0, sequence.length)).toEqual(sequence.tokens)
          expect(sequence.blocks).toEqual([])
        })
        const { kv, running, numWaiting } = served.scheduler
        expect({ running: running.length, numWaiting, used: kv.numUsed }).toEqual({
          running: 0,
          numWaiting: 0,
          used: 0,
        })
        numPreemptions += kv.numPreemptions
        numTokensShared += kv.numTokensShared
        numAhead += served.numAhead
      },
    )
    fc.assert(property, { numRuns: 60 })
    // All of it took place.
    expect(Math.min(numPreemptions, numTokensShared, numAhead)).toBeGreaterThan(10)
  }, 60_000)
})

describe('prefix sharing', () => {
  const longPrompt = prompt(200)
  const rowsOf = (...arrivals: Arrival[]): number => {
    const { device, sequences } = serve({}, arrivals, [true])
    for (const sequence of sequences) expect(sequence.tokens).toEqual(tokensAlone(sequence))
    return device.numRows
  }
  const asked = (seed: number, maxTokens = 10): SequenceRequest =>
    request(200, { prompt: longPrompt, maxTokens, sampling: seeded(seed) })
  const alone = 200 + 9

  it('computes a prompt once for all who have it, at once or later, and what is not a whole block again', () => {
    expect(rowsOf({ request: asked(1), at: 0 })).toBe(alone)
    const others = [2, 3, 4].map(seed => ({ request: asked(seed), at: 0 }))
    expect(rowsOf({ request: asked(1), at: 0 }, ...others)).toBe(4 * alone - 3 * 192)
    expect(rowsOf({ request: asked(1), at: 0 }, { request: asked(2), at: 100 })).toBe(2 * alone - 192)
  })

  it('takes over the earlier turns of a chat, the answer too', () => {
    const first = asked(1, 80)
    const { sequences } = serve({}, [{ request: first, at: 0 }], [true])
    const turn = [...sequences[0]!.tokens.slice(0, 256), 1, 2, 3]
    const second = request(0, { prompt: turn, maxTokens: 10 })
    const rows = serve(
      { contextLength: 512 },
      [{ request: { ...first, maxTokens: 56 }, at: 0 }],
      [true],
    ).device
    const both = serve(
      { contextLength: 512 },
      [
        { request: first, at: 0 },
        { request: second, at: 150 },
      ],
      [true],
    )
    expect(rows.numRows).toBe(255)
    // 279 tokens have been computed, 256 of them in whole blocks.
    expect(both.device.numRows).toBe(279 + 3 + 9)
    expect(both.scheduler.kv.numTokensShared).toBe(256)
  })

  it('leaves the last token of a prompt to compute', () => {
    const whole = request(128, { prompt: prompt(128), maxTokens: 1 })
    expect(rowsOf({ request: whole, at: 0 }, { request: { ...whole, sampling: seeded(5) }, at: 50 })).toBe(
      128 + 64,
    )
  })

  it('lets the draft model start where a sharer has left off', () => {
    const draft = { method: 'draft' as const, depth: 4 }
    const scheduler = serve(
      {},
      [{ request: { ...asked(1), speculation: draft }, at: 0 }],
      [true, false],
    ).scheduler
    const sequence = scheduler.add({ ...asked(2), speculation: draft })!
    scheduler.admit()
    scheduler.plan()
    expect([sequence.numComputed, sequence.numDraftComputed.draft]).toEqual([192, 192])
  })
})

describe('preemption', () => {
  it('takes the newest first and serves it again before those that came after it', () => {
    const ends: number[] = []
    const arrivals = [1, 2, 3, 4].map(seed => ({
      request: request(60, {
        prompt: prompt(60).map(id => id + seed * 20),
        maxTokens: 180,
        sampling: seeded(seed),
      }),
      at: seed,
    }))
    const scheduler = new Scheduler({ ...config, numBlocks: 8 })
    const device = new PaperDevice(() => false)
    const sequences = arrivals.map(({ request: each }) => scheduler.add(each)!)
    let preempted: Sequence | undefined
    for (;;) {
      for (const sequence of scheduler.admit()) device.admit(sequence)
      const step = scheduler.plan()
      if (!step) break
      preempted ??= scheduler.kv.numPreemptions > 0 ? sequences.find(s => s.index < 0) : undefined
      for (const { sequence } of scheduler.commit(step, device.submit(step), 1))
        if (sequence.finishReason) ends.push(sequences.indexOf(sequence))
    }
    for (const sequence of sequences) expect(sequence.tokens).toEqual(tokensAlone(sequence))
    // 8 blocks are enough for two; the third and the fourth were let in early and gave way.
    expect(scheduler.kv.numPreemptions).toBeGreaterThan(0)
    expect(preempted).toBe(sequences[3])
    expect(ends).toEqual([0, 1, 2, 3])
  })
})

describe('the waiting queue', () => {
  const order = (priorities: readonly number[]): number[] => {
    const scheduler = new Scheduler({ ...config, maxConcurrent: 1, maxWaiting: 1000 })
    const sequences = priorities.map(priority => scheduler.add(request(1, { maxTokens: 1, priority }))!)
    const served: number[] = []
    while (scheduler.numWaiting > 0) {
      const [sequence] = scheduler.admit()
      served.push(sequences.indexOf(sequence!))
      scheduler.remove(sequence!)
    }
    return served
  }

  it('serves in order of arrival, higher priorities first', () => {
    expect(order([0, 0, 0])).toEqual([0, 1, 2])
    expect(order([0, 1, 0, 2, 1])).toEqual([3, 1, 4, 0, 2])
  })

  it('lets nobody be overtaken by 16 later requests for each level of priority', () => {
    const served = order([0, ...new Array<number>(100).fill(2)])
    expect(served.indexOf(0)).toBe(2 * OVERTAKES_PER_LEVEL - 1)
  })

  it('takes 1,000 requests at once up to its limit, and any of them may leave at any time', () => {
    const arrivals = Array.from({ length: 1000 }, (_, i) => ({
      request: request(1 + (i % 90), { prompt: prompt(1 + (i % 90), i % 3), maxTokens: 1 + (i % 40) }),
      at: 0,
      ...(i % 3 === 0 ? { leaves: i } : {}),
    }))
    const { scheduler, sequences } = serve({ maxWaiting: 1000, numBlocks: 8 }, arrivals, [true, false])
    sequences.forEach((sequence, i) => {
      if (i % 3 !== 0) expect(sequence.tokens).toEqual(tokensAlone(sequence))
    })
    expect(scheduler.kv).toMatchObject({ numBlocks: 8, numUsed: 0 })
    for (let i = 0; i < 1000; i++) expect(scheduler.add(request(1))).toBeDefined()
    expect(scheduler.add(request(1))).toBeUndefined()
  })
})

describe('the row budget', () => {
  it('keeps a step with prefill within eight times one in which all decode, and fills at least 16 rows', () => {
    const curve = new CostCurve()
    curve.restore([
      { rows: 1, ms: 10 },
      { rows: 2, ms: 12 },
      { rows: 101, ms: 210 },
    ])
    // 10 ms; 80 ms are enough for 36 rows.
    expect(prefillBudget(curve, 1, 1, 256)).toBe(32)
    expect(prefillBudget(curve, 0, 3, 256)).toBe(256)
    // 24 ms for 8 rows; 192 ms are enough for 92.
    expect(prefillBudget(curve, 8, 8, 256)).toBe(80)
    expect(prefillBudget(curve, 31, 31, 40)).toBe(9)
    // One that decodes holds up seven that read no more than eight that decode would.
    expect(prefillBudget(curve, 1, 8, 256)).toBe(80)
    const flat = new CostCurve()
    flat.restore([{ rows: 1, ms: 10 }])
    expect(prefillBudget(flat, 4, 4, 256)).toBe(252)
  })

  it('gives it to prompts in order of rank', () => {
    const scheduler = new Scheduler(config)
    const [low, high] = [-1, 1].map(priority =>
      scheduler.add(request(100, { prompt: prompt(100, priority + 2), priority })),
    )
    scheduler.admit()
    const { rows } = scheduler.plan()!.targetPass
    expect(rows.filter(({ sequence }) => sequence === high)).toHaveLength(64)
    expect(rows.filter(({ sequence }) => sequence === low)).toHaveLength(0)
  })
})
