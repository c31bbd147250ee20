import { describe, expect, it } from 'vitest'
import { type Constraint, readBack } from './constraint'
import { NgramCache } from './ngram-cache'
import type { Method } from './policy'
import { Scheduler } from './scheduler'
import { config, execute, request, start } from './scheduler-case'
import type { Sequence } from './sequence'
import type { Step } from './step'

/** A request that wishes for a drafter, its first token drawn. */
function started(method: Method, depth: number, options = {}): { scheduler: Scheduler; sequence: Sequence } {
  const scheduler = new Scheduler({ ...config, numDrafts: 3, numHeads: 3, trees: true, ...options })
  const sequence = start(scheduler, request(10, { maxTokens: 900, speculation: { method, depth } }))
  return { scheduler, sequence }
}

const run = (scheduler: Scheduler, step: Step, accepted: number): void =>
  void scheduler.commit(
    step,
    execute(step, () => accepted),
    1,
  )

describe('heads', () => {
  it('draft as many tokens as there are heads, in one pass over the state of the last token', () => {
    const { scheduler, sequence } = started('heads', 5)
    const step = scheduler.plan()!
    expect(step.choices.get(sequence)).toEqual({ method: 'heads', depth: 3 })
    expect(step.draftPasses).toHaveLength(1)
    expect(step.draftPasses[0]!.rows).toEqual([{ sequence, position: 10 }])
    expect(step.draftPasses[0]!.samples.map(({ head, position }) => [head, position])).toEqual([
      [0, 11],
      [1, 12],
      [2, 13],
    ])
    run(scheduler, step, 2)
    expect(scheduler.estimates.survival('heads')[2]).toBeLessThan(scheduler.estimates.survival('heads')[1]!)
  })

  it('have nothing to say before the target has drawn a token', () => {
    const scheduler = new Scheduler({ ...config, numHeads: 3 })
    scheduler.add(request(1, { speculation: { method: 'heads', depth: 3 } }))
    scheduler.admit()
    const step = scheduler.plan()!
    expect(step.choices.size).toBe(0)
    expect(scheduler.planAhead(step)!.choices.size).toBe(1)
  })
})

describe('a grammar', () => {
  const constrained = (method: Method, depth: number, constraint: Constraint) => {
    const scheduler = new Scheduler({ ...config, numDrafts: 1, numHeads: 3, trees: true })
    const wish = method === 'draft' ? ('auto' as const) : { method, depth }
    const sequence = scheduler.add(request(10, { maxTokens: 900, speculation: wish, constraint }))!
    scheduler.admit()
    run(scheduler, scheduler.plan()!, 0)
    return { scheduler, sequence }
  }
  const allowing = (most: number, forced: readonly number[] = []): Constraint => ({
    numAllowed: tokens => Math.min(most, tokens.length),
    forced: () => forced,
  })

  it('drafts what it forces, for nothing', () => {
    const { scheduler, sequence } = constrained('grammar', 3, allowing(0, [4, 5, 6, 7]))
    const step = scheduler.plan()!
    expect(step.choices.get(sequence)).toMatchObject({ method: 'grammar', depth: 3 })
    expect(step.guesses).toEqual([{ sequence, tokens: [4, 5, 6] }])
    expect(step.draftPasses).toEqual([])
    const [gained] = scheduler.commit(
      step,
      execute(step, () => 3),
      1,
    )
    expect(gained!.sources).toEqual(['grammar', 'grammar', 'grammar', 'target'])
    expect(constrained('grammar', 3, allowing(9)).scheduler.plan()!.choices.size).toBe(0)
  })

  it('cuts a guess at the first token that it forbids', () => {
    for (const [most, tokens] of [
      [9, 4],
      [2, 2],
      [0, 0],
    ] as const) {
      const { scheduler } = constrained('lookup', 4, allowing(most))
      const step = scheduler.plan()!
      expect(step.guesses.flatMap(guess => guess.tokens)).toHaveLength(tokens)
      expect(step.targetPass.verdicts[0]!.depth).toBe(tokens)
    }
  })

  it('has to know guesses and tokens: no step is planned ahead, what nets draft is read back, and there are no trees', () => {
    const { scheduler, sequence } = constrained('draft', 4, allowing(9))
    for (let i = 0; i < 40; i++) {
      const step = scheduler.plan()!
      expect(scheduler.planAhead(step)).toBeUndefined()
      expect(step.trees.size).toBe(0)
      expect(readBack(step)).toEqual(step.draftPasses.length > 0 ? [sequence] : [])
      run(scheduler, step, 0)
    }
  })
})

describe('several draft models', () => {
  it('are believed by how sure they were as well as by what was accepted', () => {
    const beliefIn = (sure: (i: number) => number | undefined): number => {
      const { scheduler, sequence } = started('draft', 2, { contextLength: 1024, numBlocks: 32 })
      for (let i = 0; i < 150; i++) {
        const step = scheduler.plan()!
        // Surely the whole draft, or by luck the same: until here sure drafts were accepted and the others not.
        const isLast = i >= 140
        const isSure = i % 2 === 0
        const margin = isLast ? sure(i) : isSure ? 8 : 0.5
        const verdicts = execute(step, () => (isLast || isSure ? 2 : 0))
        const margins = margin === undefined ? {} : { margins: [margin, margin] }
        scheduler.commit(
          step,
          verdicts.map(verdict => ({ ...verdict, ...margins })),
          1,
        )
      }
      return scheduler.estimates.survival('draft', sequence)[0]!
    }
    const [lucky, sure, silent] = [beliefIn(() => 0.5), beliefIn(() => 8), beliefIn(() => undefined)]
    expect(sure - lucky).toBeGreaterThan(0.05)
    expect(Math.abs(sure - silent)).toBeLessThan(0.02)
    expect(beliefIn(() => Number.NaN)).toBe(silent)
  })

  it('each catch up with what they have not seen, when they are asked', () => {
    const { scheduler, sequence } = started('draft-2', 2)
    const step = scheduler.plan()!
    expect(step.draftPasses.map(({ net, rows }) => [net, rows.length])).toEqual([
      ['draft-2', 11],
      ['draft-2', 1],
    ])
    run(scheduler, step, 2)
    expect(sequence.numDraftComputed).toEqual({ draft: 0, 'draft-2': 12, 'draft-3': 0 })
  })

  it('catch up with what another drafter may add, while it is in flight', () => {
    const { scheduler, sequence } = started('heads', 3)
    const step = scheduler.plan()!
    sequence.request.speculation = { method: 'draft', depth: 1 }
    // 11 tokens, 3 of the heads, 1 of the target: so many may be new, but before the first there is none.
    expect(scheduler.planAhead(step)!.choices.size).toBe(0)
    sequence.numDraftComputed.draft = 10
    sequence.numInFlight = 4
    const ahead = scheduler.planAhead(step)!
    expect(ahead.draftPasses[0]!.rows.map(({ position }) => position)).toEqual([-5, -4, -3, -2, -1])
  })
})

describe('trees of a draft model', () => {
  it('take a pass per level, over the nodes that have children, which see their ancestors', () => {
    const { scheduler, sequence } = started('draft-tree', 12)
    const step = scheduler.plan()!
    const parents = step.trees.get(sequence)!
    expect(parents).toHaveLength(12)
    expect(new Set(parents).size).toBeLessThan(12)
    const [first, ...levels] = step.draftPasses
    expect(first!.rows).toHaveLength(11)
    const inner = levels.flatMap(({ rows }) => rows.map(({ node }) => node!.index))
    expect(inner).toEqual([...new Set(parents)].filter(node => node > 0))
    for (const { rows } of levels) {
      for (const { node, position } of rows) {
        expect(position).toBe(node!.base + countBits(node!.mask) - 1)
      }
    }
    run(scheduler, step, 2)
    // Keys and values of nodes are not kept.
    expect(sequence.numDraftComputed.draft).toBe(11)
    expect(scheduler.plan()!.draftPasses[0]!.rows.map(({ position }) => position)).toEqual([11, 12, 13])
  })
})

const countBits = (mask: number): number => mask.toString(2).replaceAll('0', '').length

describe('the n-gram cache', () => {
  it('offers what other conversations have shown, and waits for the tokens that it needs', () => {
    const ngramCache = new NgramCache()
    for (let i = 0; i < 4; i++) ngramCache.learn([5, 40, 41, 42], 3)
    const { scheduler, sequence } = started('cache', 8, { ngramCache })
    const step = scheduler.plan()!
    expect(step.guesses[0]).toMatchObject({ sequence })
    expect(step.guesses[0]!.tokens.slice(0, 3)).toEqual([40, 41, 42])
    expect(scheduler.planAhead(step)).toBeUndefined()
    const [progress] = scheduler.commit(
      step,
      execute(step, () => 1, 40),
      1,
    )
    expect(progress!.sources).toEqual(['cache', 'target'])
  })

  it('learns what is generated, not what was asked', () => {
    const ngramCache = new NgramCache()
    const { scheduler } = started('cache', 8, { ngramCache })
    expect(ngramCache.numLearned).toBe(1)
    run(scheduler, scheduler.plan()!, 0)
    expect(ngramCache.numLearned).toBe(2)
  })
})
