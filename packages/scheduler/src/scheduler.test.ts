import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Scheduler } from './scheduler'
import { config, execute, request } from './scheduler-case'
import type { Step } from './step'

describe('plan and commit', () => {
  it('fills the prompt in chunks, then decodes one row per step', () => {
    const scheduler = new Scheduler(config)
    const sequence = scheduler.add(request(100))!
    scheduler.admit()
    const rows: number[] = []
    for (let i = 0; i < 4; i++) {
      const step = scheduler.plan()!
      rows.push(step.targetPass.rows.length)
      scheduler.commit(
        step,
        execute(step, () => 0),
        1,
      )
    }
    expect(rows).toEqual([64, 36, 1, 1])
    expect(sequence.length).toBe(103)
    expect(sequence.numComputed).toBe(102)
  })

  it('keeps decoding while another prompt is filled', () => {
    const scheduler = new Scheduler(config)
    const first = scheduler.add(request(10))!
    scheduler.admit()
    let step = scheduler.plan()!
    scheduler.commit(
      step,
      execute(step, () => 0),
      1,
    )
    scheduler.add(request(200))
    scheduler.admit()
    step = scheduler.plan()!
    expect(step.targetPass.rows.filter(row => row.sequence === first)).toHaveLength(1)
    expect(step.targetPass.rows).toHaveLength(config.maxRows)
  })

  it('lets the draft model catch up, and forgets what was rejected', () => {
    const scheduler = new Scheduler(config)
    const sequence = scheduler.add(request(10, { speculation: { method: 'draft', depth: 3 } }))!
    scheduler.admit()
    let step = scheduler.plan()!
    expect(step.draftPasses).toHaveLength(0)
    scheduler.commit(
      step,
      execute(step, () => 0),
      1,
    )

    step = scheduler.plan()!
    expect(step.draftPasses.map(pass => pass.rows.length)).toEqual([11, 1, 1])
    expect(step.targetPass.rows.map(row => row.position)).toEqual([10, 11, 12, 13])
    scheduler.commit(
      step,
      execute(step, () => 1),
      1,
    )
    // 11 tokens + 1 accepted + 1 of the target; the draft's KV of its rejected tokens does not count.
    expect([sequence.length, sequence.numComputed, sequence.numDraftComputed.draft]).toEqual([13, 12, 12])

    step = scheduler.plan()!
    expect(step.draftPasses.map(pass => pass.rows.length)).toEqual([1, 1, 1])
    scheduler.commit(
      step,
      execute(step, () => 3),
      1,
    )
    // All accepted: the draft has not seen its own last token.
    expect([sequence.length, sequence.numDraftComputed.draft]).toEqual([17, 15])
    expect(scheduler.plan()!.draftPasses[0]!.rows.map(row => row.position)).toEqual([15, 16])
  })

  it('cuts drafts at the limit, so that no token is drawn in vain', () => {
    const scheduler = new Scheduler(config)
    const sequence = scheduler.add(
      request(10, { maxTokens: 5, speculation: { method: 'draft', depth: 16 } }),
    )!
    scheduler.admit()
    const depths: number[] = []
    while (!sequence.finishReason) {
      const step = scheduler.plan()!
      depths.push(step.choices.get(sequence)?.depth ?? 0)
      scheduler.commit(
        step,
        execute(step, () => 1),
        1,
      )
    }
    expect(depths).toEqual([0, 3, 1])
    expect(sequence.length).toBe(15)
    expect(sequence.finishReason).toBe('length')
  })

  it('makes a request wait for a place and for blocks, and refuses what does not fit the queue', () => {
    // 200 + 20 positions: 4 blocks each.
    for (const [numBlocks, numRunning] of [
      [16, 4],
      [13, 3],
    ] as const) {
      const scheduler = new Scheduler({ ...config, numBlocks, maxWaiting: 5 })
      const sequences = Array.from({ length: 5 }, () => scheduler.add(request(200))!)
      expect(scheduler.add(request(1))).toBeUndefined()
      expect(scheduler.admit()).toEqual(sequences.slice(0, numRunning))
      expect(scheduler.admit()).toEqual([])
      scheduler.remove(sequences[1]!)
      expect(scheduler.admit()).toEqual([sequences[numRunning]])
    }
    expect(() => new Scheduler({ ...config, numBlocks: 3 })).toThrow('3 blocks for 256 positions')
  })
})

describe('costs and choices while running', () => {
  const grow = (scheduler: Scheduler, turns: number, ms: (step: Step) => number): Map<string, number> => {
    const seen = new Map<string, number>()
    for (let turn = 0; turn < turns; turn++) {
      scheduler.admit()
      const step = scheduler.plan()
      if (!step) break
      for (const { method } of step.choices.values()) seen.set(method, (seen.get(method) ?? 0) + 1)
      if (step.choices.size === 0 && step.targetPass.verdicts.length > 0)
        seen.set('off', (seen.get('off') ?? 0) + 1)
      scheduler.commit(
        step,
        execute(step, () => 16, 5, 256),
        ms(step),
      )
    }
    return seen
  }

  it('finds out that a stored cost table is wrong', () => {
    const scheduler = new Scheduler({
      ...config,
      maxRows: 256,
      contextLength: 4096,
      numBlocks: 64,
      guess: () => ({ tokens: [] }),
    })
    scheduler.cost.target.restore([
      { rows: 1, ms: 10 },
      { rows: 2, ms: 60 },
      { rows: 17, ms: 60 },
    ])
    scheduler.cost.of('draft').restore([{ rows: 1, ms: 40 }])
    // In truth rows are nearly free and the draft is always right.
    const ms = (step: Step): number => 10 + 0.1 * step.targetPass.rows.length + 0.1 * step.draftPasses.length
    for (let i = 0; i < 20; i++) {
      scheduler.add(request(10, { maxTokens: 200, speculation: 'auto' }))
      grow(scheduler, 201, ms)
    }
    scheduler.add(request(10, { maxTokens: 1000, speculation: 'auto' }))
    expect(grow(scheduler, 50, ms).get('draft')).toBeGreaterThan(40)
  })

  it('is not misled by scoring requests', () => {
    const scheduler = new Scheduler(config)
    scheduler.cost.target.observe(1, 10)
    for (let i = 0; i < 10; i++) {
      scheduler.add(request(1, { maxTokens: 0, scoreOnly: true }))
      grow(scheduler, 5, () => 500)
    }
    expect(scheduler.cost.target.table()).toEqual([{ rows: 1, ms: expect.closeTo(10) }])
  })

  it('charges the draft model’s catch-up by what it took', () => {
    const scheduler = new Scheduler(config)
    scheduler.cost.target.observe(4, 10)
    scheduler.cost.of('draft').observe(1, 1)
    scheduler.add(request(50, { speculation: { method: 'draft', depth: 3 } }))
    grow(scheduler, 2, step => (step.draftPasses.length > 0 ? 52 : 10))
    expect(scheduler.cost.of('draft').table()).toEqual([
      { rows: 1, ms: expect.closeTo(1) },
      { rows: expect.closeTo(51, -1), ms: expect.closeTo(40) },
    ])
  })
})

it('holds its invariants for any mix of requests, acceptance and departures', () => {
  const spec = fc.record({
    promptLength: fc.integer({ min: 1, max: 150 }),
    maxTokens: fc.integer({ min: 1, max: 60 }),
    speculation: fc.oneof(
      fc.constantFrom('auto' as const, 'off' as const),
      fc.record({
        method: fc.constantFrom('draft' as const, 'lookup' as const),
        depth: fc.integer({ min: 1, max: 16 }),
      }),
    ),
    leavesAfter: fc.option(fc.integer({ min: 1, max: 20 })),
  })
  fc.assert(
    fc.property(
      fc.array(spec, { minLength: 1, maxLength: 8 }),
      fc.array(fc.nat(16), { minLength: 1 }),
      (specs, luck) => {
        const scheduler = new Scheduler(config)
        const sequences = specs.map(s => scheduler.add(request(s.promptLength, { ...s }))!)
        for (let turn = 0; turn < 2000; turn++) {
          specs.forEach(({ leavesAfter }, i) => {
            if (leavesAfter === turn) scheduler.remove(sequences[i]!)
          })
          scheduler.admit()
          const step = scheduler.plan()
          if (!step) break
          const verdicts = execute(step, sequence => luck[(turn + sequence.index) % luck.length]!, turn % 7)
          scheduler.commit(step, verdicts, 1 + step.targetPass.rows.length)
          for (const sequence of scheduler.running) {
            expect(sequence.numComputed).toBeLessThan(sequence.length)
            expect(sequence.numDraftComputed.draft).toBeLessThan(sequence.length)
          }
        }
        sequences.forEach((sequence, i) => {
          if (specs[i]!.leavesAfter !== null) return
          expect(sequence.finishReason).toBe('length')
          expect(sequence.length).toBe(sequence.maxLength)
        })
        expect(scheduler.running).toHaveLength(0)
        // Every block and place came back.
        for (let i = 0; i < 4; i++) scheduler.add(request(230))
        expect(scheduler.admit()).toHaveLength(4)
      },
    ),
    { numRuns: 60 },
  )
})
