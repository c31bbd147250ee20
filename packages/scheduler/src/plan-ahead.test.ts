import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NgramCache } from './ngram-cache'
import { MAX_NODES, METHODS, OFF, type Policy } from './policy'
import { Scheduler, type SchedulerConfig } from './scheduler'
import { config, execute, request, start } from './scheduler-case'
import type { Sequence } from './sequence'
import type { Step } from './step'

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
        const verdicts = execute(current, accepted)
        scheduler.commit(current, verdicts, 1)
      }
      current = next
    }
  }

  it('waits for the tokens of who lets a model draft, if lookup may copy instead', () => {
    /** After lookups of which so many tokens of four were accepted, in a text where a copy may begin any time. */
    const isPlannedAhead = (accepted: number | undefined): boolean => {
      const scheduler = new Scheduler(config)
      for (let rows = 1; rows <= 40; rows++) {
        scheduler.cost.target.measure(rows, 10 + rows)
        scheduler.cost.of('draft').measure(rows, 2)
      }
      const prompt = Array.from({ length: 10 }, (_, i) => 100 + i)
      const sequence = start(scheduler, request(10, { prompt, maxTokens: 100, speculation: 'auto' }))
      for (let i = 0; i < 40; i++) {
        const draft = { depth: 4, accepted: 4 }
        scheduler.estimates.observe(sequence, 'draft', draft)
        if (accepted !== undefined)
          scheduler.estimates.observe(sequence, 'lookup', { depth: 4, accepted, evidence: 1 })
      }
      const step = scheduler.plan()!
      expect(step.choices.get(sequence)).toMatchObject({ method: 'draft' })
      return scheduler.planAhead(step) !== undefined
    }
    expect(isPlannedAhead(4)).toBe(false)
    expect(isPlannedAhead(0)).toBe(true)
    // Nothing is known of copies in this text: a draft that always holds is worth more than what is first believed.
    expect(isPlannedAhead(undefined)).toBe(true)
  })

  describe('behind a lookup', () => {
    /** Always a copy, four tokens of it. */
    const copying = { method: 'lookup', depth: 4 } as const
    const policy: Policy = {
      choose: ({ contenders }) => contenders.map(({ offers }) => (offers.length > 0 ? copying : OFF)),
    }
    /** Its tokens repeat, so that there is always something to be found. */
    const started = (options: Partial<SchedulerConfig> = {}) => {
      const scheduler = new Scheduler({ ...config, ...options })
      const sequence = start(scheduler, request(30, { maxTokens: 100, speculation: 'auto' }))
      return { scheduler, sequence }
    }

    it('the rows that the GPU found nothing for have failed', () => {
      const { scheduler, sequence } = started({ policy })
      const first = scheduler.plan()!
      const ahead = scheduler.planAhead(first)!
      expect(ahead.lookups).toEqual([{ sequence, depth: 4 }])
      scheduler.commit(
        first,
        execute(first, () => 4),
        1,
      )
      const { evidence } = ahead.choices.get(sequence)!
      const before = scheduler.estimates.survival('lookup', sequence, evidence)[0]!
      const nothing = { sequence, tokens: [5], numDrafted: 0, numAccepted: 0, stopped: false }
      const [progress] = scheduler.commit(ahead, [nothing], 1)
      expect(progress!.choice).toEqual(OFF)
      expect(scheduler.estimates.survival('lookup', sequence, evidence)[0]!).toBeLessThan(before)
    })

    it('another that needs the tokens is charged the wait for them', () => {
      const waits: Array<number | undefined> = []
      const watching: Policy = {
        choose: ({ contenders }) => {
          waits.push(...contenders.flatMap(({ offers }) => offers.map(({ waitMs }) => waitMs)))
          return contenders.map(() => OFF)
        },
      }
      const { scheduler } = started({ policy: watching, numDrafts: 0 })
      const step = scheduler.plan()!
      scheduler.planAhead(step)
      expect(waits).toEqual([undefined, scheduler.cost.waitMs])
    })
  })

  it('gives every sequence exactly its tokens, in any company, whatever is accepted', () => {
    const property = fc.property(
      fc.array(
        fc.record({
          promptLength: fc.integer({ min: 1, max: 90 }),
          maxTokens: fc.integer({ min: 1, max: 40 }),
          method: fc.constantFrom('off' as const, 'auto' as const, ...METHODS),
          depth: fc.integer({ min: 1, max: MAX_NODES }),
        }),
        { minLength: 1, maxLength: 6 },
      ),
      fc.array(fc.nat(16), { minLength: 1 }),
      (requests, luck) => {
        const ngramCache = new NgramCache()
        const scheduler = new Scheduler({ ...config, numDrafts: 3, numHeads: 3, trees: true, ngramCache })
        const sequences = requests.map(({ promptLength, maxTokens, method, depth }) => {
          const speculation = method === 'off' || method === 'auto' ? method : { method, depth }
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
    fc.assert(property, { numRuns: 30 })
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
    const sequence = start(scheduler, request(10, { speculation: { method: 'lookup', depth: 5 } }))
    const { targetPass, guesses, trees } = scheduler.plan()!
    expect(guesses).toEqual([{ sequence, tokens: guess.tokens }])
    expect(trees.get(sequence)).toEqual(guess.parents)
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
    start(scheduler, request(10, { maxTokens: 4, speculation: { method: 'lookup', depth: 8 } }))
    const { targetPass } = scheduler.plan()!
    expect(targetPass.verdicts[0]).toMatchObject({ depth: 2, isTree: true })
    expect(targetPass.rows.map(({ position }) => position)).toEqual([10, 11, 11])
  })
})
