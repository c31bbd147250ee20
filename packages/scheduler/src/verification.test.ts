/** Requests whose drafts are judged by probabilities: their ids depend on depths, so company must not change these. */
import { describe, expect, it } from 'vitest'
import { Scheduler } from './scheduler'
import { config, execute, request } from './scheduler-case'
import type { Sequence, SequenceRequest } from './sequence'

const drafting = (depth: number): SequenceRequest['speculation'] => ({ method: 'draft', depth })
const sized = { ...config, verificationDepth: 4 }

/** Runs to the end with `numOthers` beside it. Returns the depth of each of its steps, and checks every step. */
function depths(promptLength: number, options: Partial<SequenceRequest>, numOthers: number): number[] {
  const scheduler = new Scheduler(sized)
  const others = Array.from({ length: numOthers }, (_, i) =>
    scheduler.add(
      request(20 + 11 * i, { speculation: drafting(2), verification: 'rejection', maxTokens: 30 }),
    ),
  )
  const own = scheduler.add(request(promptLength, { verification: 'block', ...options }))!
  const found: number[] = []
  for (;;) {
    scheduler.admit()
    const step = scheduler.plan()
    if (!step) break
    expect(scheduler.planAhead(step)).toBeUndefined()
    // One token is accepted of every draft.
    const progress = scheduler.commit(
      step,
      execute(step, () => 1),
      1,
    )
    for (const { sequence, choice } of progress) if (sequence === own) found.push(choice.depth)
  }
  expect([...others, own].every(sequence => sequence?.finishReason === 'length')).toBe(true)
  return found
}

describe('a request judged by probabilities', () => {
  it('has the same depths alone and in company', () => {
    // Prompts that the draft model sees in one pass, and that take several.
    for (const promptLength of [5, 60, 70, 200]) {
      const alone = depths(promptLength, { speculation: drafting(4) }, 0)
      // After the prompt's own token each step has a whole draft, as far as there is room for one.
      expect(alone.slice(0, 3)).toEqual([0, 4, 4])
      expect(depths(promptLength, { speculation: drafting(4) }, 3)).toEqual(alone)
    }
  })

  it('is drafted for no deeper than probabilities are kept, by lookup as deep as it likes', () => {
    expect(Math.max(...depths(9, { speculation: drafting(9) }, 0))).toBe(4)
    let lookedUp = false
    const scheduler = new Scheduler({ ...config, verificationDepth: 0 })
    const wants = (speculation: SequenceRequest['speculation']): Sequence =>
      scheduler.add(request(30, { speculation, verification: 'rejection' }))!
    const [draft, lookup, auto] = [wants(drafting(4)), wants({ method: 'lookup', depth: 8 }), wants('auto')]
    scheduler.admit()
    for (let step = scheduler.plan(); step; step = scheduler.plan()) {
      expect(step.choices.get(draft!)).toBeUndefined()
      expect(step.choices.get(auto!)?.method).not.toBe('draft')
      const methods = step.targetPass.verdicts.map(
        ({ sequence, depth }) => sequence === lookup && depth === 8,
      )
      lookedUp ||= methods.includes(true)
      scheduler.commit(
        step,
        execute(step, () => 16),
        1,
      )
    }
    expect(lookedUp).toBe(true)
  })
})
