import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Scheduler, type SchedulerConfig } from './scheduler'
import type { Sequence, SequenceRequest } from './sequence'
import type { Pass, Step, Verdict } from './step'

const config: SchedulerConfig = {
  maxConcurrent: 4,
  maxWaiting: 8,
  contextLength: 256,
  maxRows: 64,
  maxSamples: 32,
  numBlocks: 16,
  hasDraft: true,
}

const sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0 }

const request = (promptLength: number, options: Partial<SequenceRequest> = {}): SequenceRequest => ({
  prompt: Array.from({ length: promptLength }, (_, i) => i % 7),
  maxTokens: 20,
  sampling,
  endIds: [],
  speculation: 'off',
  ...options,
})

/** A device that accepts `accepted` tokens of every draft. Checks what a kernel relies on. */
function execute(
  step: Step,
  accepted: (sequence: Sequence) => number,
  nextToken = 5,
  maxRows = config.maxRows,
): Verdict[] {
  for (const pass of [...step.draftPasses, step.targetPass]) checkPass(pass, maxRows)
  return step.targetPass.verdicts.map(({ sequence, depth }) => {
    const numAccepted = Math.min(depth, accepted(sequence))
    const tokens = new Array<number>(numAccepted + 1).fill(nextToken)
    return { sequence, tokens, numDrafted: depth, numAccepted, stopped: false }
  })
}

function checkPass({ rows, samples }: Pass, maxRows: number): void {
  expect(rows.length).toBeLessThanOrEqual(maxRows)
  expect(samples.length).toBeLessThanOrEqual(config.maxSamples)
  for (const { row, sequence, position } of samples) {
    expect(rows[row]).toEqual({ sequence, position: position - 1 })
  }
  for (const { sequence, position } of rows) {
    expect(position).toBeLessThan(sequence.maxLength)
    expect(sequence.slotOf(position)).toBeGreaterThanOrEqual(0)
  }
}

describe('planAhead', () => {
  /** Runs with a step in flight wherever the scheduler allows it. Returns how many steps were planned ahead. */
  function run(scheduler: Scheduler, accepted: (sequence: Sequence) => number): number {
    let numAhead = 0
    let current: Step | undefined
    for (;;) {
      scheduler.admit()
      const next: Step | undefined = current ? scheduler.planAhead(current) : scheduler.plan()
      if (!current && !next) return numAhead
      if (next?.isAhead) {
        numAhead++
        expect(next.guesses).toEqual([])
      }
      if (current) {
        const { rows } = current.targetPass
        for (const { sequence, position } of current.isAhead ? rows : []) {
          // Where the GPU will find it: inside what the sequence was given.
          if (sequence.index >= 0) expect(sequence.length + position).toBeLessThan(sequence.maxLength)
        }
        const verdicts = current.targetPass.verdicts.map(({ sequence, depth }) => {
          const numAccepted = Math.min(depth, accepted(sequence))
          const tokens = new Array<number>(numAccepted + 1).fill(5)
          return { sequence, tokens, numDrafted: depth, numAccepted, stopped: false }
        })
        scheduler.commit(current, verdicts, 1)
      }
      current = next
    }
  }

  it('gives every sequence exactly its tokens, in any company, whatever is accepted', () => {
    const property = fc.property(
      fc.array(
        fc.record({
          promptLength: fc.integer({ min: 1, max: 90 }),
          maxTokens: fc.integer({ min: 1, max: 40 }),
          method: fc.constantFrom('off', 'draft', 'lookup', 'auto'),
          depth: fc.integer({ min: 1, max: 16 }),
        }),
        { minLength: 1, maxLength: 6 },
      ),
      fc.array(fc.nat(16), { minLength: 1 }),
      (requests, luck) => {
        const scheduler = new Scheduler(config)
        const sequences = requests.map(({ promptLength, maxTokens, method, depth }) => {
          const speculation =
            method === 'draft' || method === 'lookup' ? { method, depth } : (method as 'off' | 'auto')
          return scheduler.add(request(promptLength, { maxTokens, speculation }))!
        })
        let i = 0
        run(scheduler, () => luck[i++ % luck.length]!)
        for (const sequence of sequences) {
          expect(sequence.finishReason).toBe('length')
          expect(sequence.length).toBe(sequence.maxLength)
          expect(sequence.numInFlight).toBe(0)
        }
      },
    )
    fc.assert(property, { numRuns: 200 })
  })

  it('has the next plain step ready at once, and none beyond the last token', () => {
    const scheduler = new Scheduler(config)
    scheduler.add(request(10, { maxTokens: 8 }))
    // The prefill's step draws the first token; the other seven are planned while the one before is in flight.
    expect(run(scheduler, () => 0)).toBe(7)
  })

  it('lets the draft model catch up with what its last draft may have left', () => {
    const scheduler = new Scheduler(config)
    const sequence = scheduler.add(
      request(10, { maxTokens: 200, speculation: { method: 'draft', depth: 3 } }),
    )!
    scheduler.admit()
    const prefill = scheduler.plan()!
    const first = scheduler.planAhead(prefill)!
    expect(first.draftPasses[0]!.rows.map(({ position }) => position)).toEqual(
      Array.from({ length: 11 }, (_, i) => i - 11),
    )
    scheduler.commit(
      prefill,
      execute(prefill, () => 0),
      1,
    )
    const second = scheduler.planAhead(first)!
    expect(second.draftPasses.map(({ rows }) => rows.map(({ position }) => position))).toEqual([
      [-2, -1],
      [0],
      [1],
    ])
    expect(second.targetPass.rows.map(({ position }) => position)).toEqual([-1, 0, 1, 2])
    expect(sequence.numInFlight).toBe(8)
  })

  it('waits for the verdict where a request may join, or one is scored, filled or wants log-probabilities', () => {
    for (const options of [{ scoreOnly: true }, { logProbs: 2 }]) {
      const scheduler = new Scheduler(config)
      scheduler.add(request(10, options))
      scheduler.admit()
      expect(scheduler.planAhead(scheduler.plan()!)).toBeUndefined()
    }
    const scheduler = new Scheduler(config)
    scheduler.add(request(10))
    scheduler.admit()
    const step = scheduler.plan()!
    scheduler.add(request(10))
    expect(scheduler.planAhead(step)).toBeUndefined()
    scheduler.admit()
    expect(scheduler.planAhead(step)).toBeUndefined()
  })

  it('forgets what the step in flight gives to a sequence that has left', () => {
    const scheduler = new Scheduler(config)
    const sequence = scheduler.add(request(10))!
    scheduler.admit()
    const step = scheduler.plan()!
    const ahead = scheduler.planAhead(step)!
    scheduler.commit(
      step,
      execute(step, () => 0),
      1,
    )
    scheduler.remove(sequence)
    const verdict = { sequence, tokens: [5], numDrafted: 0, numAccepted: 0, stopped: false }
    expect(scheduler.commit(ahead, [verdict], 1)).toEqual([])
    expect(sequence.length).toBe(11)
    expect(scheduler.plan()).toBeUndefined()
  })
})

describe('a tree of guesses', () => {
  it('becomes rows that see their ancestors, at positions by depth', () => {
    // 0 - 1 - 2
    //   \\ 3 - 4, 5
    const guess = { tokens: [10, 11, 12, 13, 14], parents: [0, 1, 0, 3, 3] }
    const scheduler = new Scheduler({ ...config, guess: () => guess })
    const sequence = scheduler.add(request(10, { speculation: { method: 'lookup', depth: 5 } }))!
    scheduler.admit()
    const prefill = scheduler.plan()!
    scheduler.commit(
      prefill,
      execute(prefill, () => 0),
      1,
    )
    const { targetPass, guesses } = scheduler.plan()!
    expect(guesses).toEqual([{ sequence, ...guess }])
    expect(targetPass.verdicts).toEqual([{ sequence, length: 11, firstSample: 0, depth: 5, isTree: true }])
    expect(targetPass.rows.map(({ position }) => position)).toEqual([10, 11, 12, 11, 12, 12])
    expect(targetPass.samples.map(({ position }) => position)).toEqual([11, 12, 13, 12, 13, 13])
    expect(targetPass.rows.map(({ node }) => node)).toEqual(
      [0b1, 0b11, 0b111, 0b1001, 0b11001, 0b101001].map((mask, index) => ({
        index,
        parent: [0, 0, 1, 0, 3, 3][index],
        base: 10,
        mask,
      })),
    )
  })

  it('is cut where it has no room, whole below the cut', () => {
    const guess = { tokens: [10, 11, 12], parents: [0, 0, 2] }
    const scheduler = new Scheduler({ ...config, guess: () => guess })
    scheduler.add(request(10, { maxTokens: 4, speculation: { method: 'lookup', depth: 8 } }))
    scheduler.admit()
    const prefill = scheduler.plan()!
    scheduler.commit(
      prefill,
      execute(prefill, () => 0),
      1,
    )
    const { targetPass } = scheduler.plan()!
    expect(targetPass.verdicts[0]).toMatchObject({ depth: 2, isTree: true })
    expect(targetPass.rows.map(({ position }) => position)).toEqual([10, 11, 11])
  })
})

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
    expect([sequence.length, sequence.numComputed, sequence.numDraftComputed]).toEqual([13, 12, 12])

    step = scheduler.plan()!
    expect(step.draftPasses.map(pass => pass.rows.length)).toEqual([1, 1, 1])
    scheduler.commit(
      step,
      execute(step, () => 3),
      1,
    )
    // All accepted: the draft has not seen its own last token.
    expect([sequence.length, sequence.numDraftComputed]).toEqual([17, 15])
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
    const scheduler = new Scheduler({ ...config, maxWaiting: 5 })
    // 200 + 20 positions: 4 blocks each of 16.
    const sequences = Array.from({ length: 5 }, () => scheduler.add(request(200))!)
    expect(scheduler.add(request(1))).toBeUndefined()
    expect(scheduler.admit()).toEqual(sequences.slice(0, 4))
    expect(scheduler.admit()).toEqual([])
    scheduler.remove(sequences[1]!)
    expect(scheduler.admit()).toEqual([sequences[4]])
    expect(new Set(scheduler.running.flatMap(sequence => sequence.blocks)).size).toBe(16)
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
    scheduler.cost.draft.restore([{ rows: 1, ms: 40 }])
    scheduler.add(request(10, { maxTokens: 4000, speculation: 'auto' }))
    // In truth rows are nearly free and the draft is always right.
    const seen = grow(
      scheduler,
      2000,
      step => 10 + 0.1 * step.targetPass.rows.length + 0.1 * step.draftPasses.length,
    )
    expect(seen.get('draft')).toBeGreaterThan(100)
  })

  it('is not misled by scoring requests', () => {
    const scheduler = new Scheduler(config)
    scheduler.cost.target.observe(1, 10)
    for (let i = 0; i < 10; i++) {
      scheduler.add(request(1, { maxTokens: 0, scoreOnly: true }))
      grow(scheduler, 5, () => 500)
    }
    expect(scheduler.cost.target.table()).toEqual([{ rows: 1, ms: 10 }])
  })

  it('charges the draft model’s catch-up by what it took', () => {
    const scheduler = new Scheduler(config)
    scheduler.cost.target.observe(4, 10)
    scheduler.cost.draft.observe(1, 1)
    scheduler.add(request(50, { speculation: { method: 'draft', depth: 3 } }))
    grow(scheduler, 2, step => (step.draftPasses.length > 0 ? 52 : 10))
    expect(scheduler.cost.draft.table()).toEqual([
      { rows: 1, ms: 1 },
      { rows: 51, ms: 40 },
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
            expect(sequence.numDraftComputed).toBeLessThan(sequence.length)
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
