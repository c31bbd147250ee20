/** What the scheduler's tests share: a small configuration, requests, and a device that obeys. */
import { expect } from 'vitest'
import type { Scheduler, SchedulerConfig } from './scheduler'
import { Sequence, type SequenceRequest } from './sequence'
import { emptyPass, type Pass, type Step, type Verdict } from './step'

export const config: SchedulerConfig = {
  maxConcurrent: 4,
  maxWaiting: 8,
  contextLength: 256,
  maxRows: 64,
  maxSamples: 32,
  numBlocks: 16,
  numDrafts: 1,
}

export const sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0 }

export const request = (promptLength: number, options: Partial<SequenceRequest> = {}): SequenceRequest => ({
  prompt: Array.from({ length: promptLength }, (_, i) => i % 7),
  maxTokens: 20,
  sampling,
  endIds: [],
  speculation: 'off',
  ...options,
})

/** One that was asked for and has not run. */
export const scheduledSequence = (): Sequence => new Sequence(request(10), 30)

/** Adds a request to a scheduler that has no other, and reads its prompt: its first token is drawn. */
export function start(scheduler: Scheduler, wish: SequenceRequest): Sequence {
  const sequence = scheduler.add(wish)!
  scheduler.admit()
  const prefill = scheduler.plan()!
  scheduler.commit(
    prefill,
    execute(prefill, () => 0),
    1,
  )
  return sequence
}

/** A device that accepts `accepted` tokens of every draft. Checks what a kernel relies on. */
export function execute(
  step: Step,
  accepted: (sequence: Sequence) => number,
  nextToken = 5,
  maxRows = config.maxRows,
): Verdict[] {
  for (const pass of [...step.draftPasses, step.targetPass]) checkPass(pass, step, maxRows)
  checkDrafts(step)
  return step.targetPass.verdicts.map(({ sequence, depth, isTree }) => {
    const path = isTree ? walk(step.trees.get(sequence)!, accepted(sequence)) : undefined
    const numAccepted = path ? path.length - 1 : Math.min(depth, accepted(sequence))
    const tokens = new Array<number>(numAccepted + 1).fill(nextToken)
    return { sequence, tokens, numDrafted: depth, numAccepted, stopped: false, ...(path ? { path } : {}) }
  })
}

/** Down a tree, always to the first child. */
function walk(parents: readonly number[], most: number): number[] {
  const path = [0]
  while (path.length <= most && parents.includes(path.at(-1)!)) path.push(parents.indexOf(path.at(-1)!) + 1)
  return path
}

function checkPass({ rows, samples }: Pass, { isAhead }: Step, maxRows: number): void {
  expect(rows.length).toBeLessThanOrEqual(maxRows)
  expect(samples.length).toBeLessThanOrEqual(config.maxSamples)
  for (const { row, sequence, position, head } of samples) {
    expect(rows[row]).toMatchObject({ sequence })
    if (head === undefined) expect(rows[row]!.position).toBe(position - 1)
  }
  for (const { sequence, position, node } of rows) {
    if (sequence.index < 0) continue
    const at = (node ? node.base + node.index : position) + (isAhead ? sequence.length : 0)
    expect(at).toBeLessThan(sequence.maxLength)
    expect(sequence.slotOf(at)).toBeGreaterThanOrEqual(0)
  }
}

/** Whoever drafts on the GPU leaves one token at each place that is verified, and reads none that is not there. */
export function checkDrafts(step: Step): void {
  for (const [sequence, { method, depth }] of step.choices) {
    const passes = step.draftPasses.map(pass => pass.samples.filter(sample => sample.sequence === sequence))
    const places = passes.flat().flatMap(({ position, children = { count: 1, skip: 0 } }) => {
      return Array.from({ length: children.count }, (_, i) => position + children.skip + i)
    })
    const begin = step.isAhead ? 0 : sequence.length
    const onGpu = /draft|heads/.test(method)
    expect(places).toEqual(onGpu ? Array.from({ length: depth }, (_, i) => begin + i) : [])
  }
}

/** Whose rows they are in steps that are only timed. */
export const timedSequence = new Sequence(request(10), 100)

const pass = (numRows: number): Pass => ({
  ...emptyPass(),
  rows: Array.from({ length: numRows }, (_, i) => ({ sequence: timedSequence, position: i })),
  samples: Array.from({ length: numRows }, (_, i) => ({ sequence: timedSequence, position: i + 1, row: i })),
})

/** A step of so many rows, behind draft passes of so many. */
export const stepOf = (numRows: number, draftRows: readonly number[] = []): Step => ({
  isAhead: false,
  draftPasses: draftRows.map(numRows => ({ net: 'draft', ...pass(numRows) })),
  targetPass: pass(numRows),
  guesses: [],
  lookups: [],
  choices: new Map(),
  trees: new Map(),
  tables: [],
})
