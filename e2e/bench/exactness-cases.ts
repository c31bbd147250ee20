/** What is compared: modes, companions, and endings that fall inside a draft. */
import type { Speculation } from '@foretoken/engine'
import type { Choice, Guess, Sequence } from '@foretoken/scheduler'
import { type ExactnessRig, type Family, type Mode, type Run, type Sampling, sameIds } from './exactness-rig'

export const NUM_TOKENS = 64

export const prompts = [
  'Once upon a time, there was a little girl named Lily.',
  'Tom and his dog went to the park. The dog saw a cat and ran. Tom and his dog went',
]

/** Strong enough to change ids; what a guess adds to the counts decides many of them. */
export const adjustedSamplings: Sampling[] = [
  { temperature: 0, seed: 101, repetitionPenalty: 1.3, presencePenalty: 0.6, frequencyPenalty: 0.5 },
  {
    temperature: 0.8,
    seed: 102,
    repetitionPenalty: 1.2,
    frequencyPenalty: 0.8,
    logitBias: { 432: -100, 426: 1.5, 261: 2, 13: -2 },
  },
]

/** Answers that end by themselves, and one that goes on; with little forced and with much. */
export const constrainedSamplings: Sampling[] = [
  {
    temperature: 0.8,
    seed: 201,
    grammar: {
      schema: {
        type: 'object',
        properties: {
          name: { type: 'string', maxLength: 12 },
          age: { type: 'integer', minimum: 1, maximum: 99 },
          animals: {
            type: 'array',
            items: { enum: ['cat', 'dog', 'fox', 'frog'] },
            minItems: 2,
            maxItems: 4,
          },
          is_happy: { type: 'boolean' },
        },
        required: ['name', 'age', 'animals', 'is_happy'],
      },
    },
  },
  {
    temperature: 0,
    seed: 202,
    repetitionPenalty: 1.2,
    grammar: {
      regex: '(Tom|Lily|Ben) (saw|had) a (big |red |little )*(cat|dog|ball)\\.( The (cat|dog) ran\\.)*',
    },
  },
  {
    temperature: 1,
    seed: 203,
    topK: 5,
    grammar: { ebnf: 'root ::= (word " ")* word "."\nword ::= [a-z]+ | "Once upon a time"' },
  },
]

const companions = [
  // Never with penalties or bias: all kinds of requests share their passes.
  { prompt: 'One day, a big red ball', joins: 3, maxTokens: 20, speculation: 'off', plain: true },
  {
    prompt: 'The sun was hot and the',
    joins: 6,
    maxTokens: 30,
    speculation: { method: 'lookup', depth: 3 },
    plain: false,
  },
  {
    prompt: 'Ben had a toy car. He liked',
    joins: 12,
    maxTokens: 24,
    speculation: { method: 'draft', depth: 2 },
    plain: false,
  },
] as const

const system =
  'Once upon a time, in a big house near the park, there lived a boy named Tim and his dog Max. They liked to play ' +
  'with a red ball in the sun. One day, the ball was lost. Tim and Max looked for the ball in the park. '

/** Four that grow until they do not fit together; of the others every second begins with the same text. */
const crowd = Array.from({ length: 16 }, (_, i) => ({
  prompt: `${i >= 4 && i % 2 === 0 ? system : ''}${['Tom', 'Lily', 'Ben', 'Sue'][i % 4]} saw a ${['cat', 'bird', 'big dog'][i % 3]}.`,
  maxTokens: i < 4 ? 140 : 12 + i,
  /** After so many tokens of the first. */
  joins: 2 * i,
}))

/** Those that a family lacks are off. */
const varied: Choice[] = [
  { method: 'heads-tree', depth: 12 },
  { method: 'lookup', depth: 1 },
  { method: 'draft', depth: 5 },
  { method: 'heads', depth: 3 },
  { method: 'draft-tree', depth: 9 },
  { method: 'off', depth: 0 },
  { method: 'draft', depth: 16 },
  { method: 'lookup', depth: 8 },
  { method: 'draft-2', depth: 2 },
  { method: 'lookup-tree', depth: 20 },
  { method: 'draft', depth: 1 },
  { method: 'lookup', depth: 16 },
]

export const offMode: Mode = { name: 'off', speculation: 'off' }

export const fixedModes = (depths: readonly number[]): Mode[] =>
  (['lookup', 'draft'] as const).flatMap(method =>
    depths.map(depth => ({ name: `${method}@${depth}`, speculation: { method, depth } })),
  )

/** What needs drafters that not every family has. */
export function loadedModes({ drafts, heads }: Family): Mode[] {
  const trees = ['lookup', 'draft', ...(heads ? ['heads'] : [])] as const
  return [
    { name: 'cache@4', speculation: { method: 'cache', depth: 4 } },
    ...trees.map(
      (from): Mode => ({
        name: `${from}-tree@16`,
        speculation: { method: 'tree', depth: 16, from } as Speculation,
      }),
    ),
    { name: 'draft-tree@31', speculation: { method: 'tree', depth: 31, from: 'draft' } },
    ...(drafts.length > 1
      ? [{ name: 'draft-2@4', speculation: { method: 'draft', depth: 4, draft: 1 } } as Mode]
      : []),
    ...(heads ? [{ name: 'heads@3', speculation: { method: 'heads', depth: 3 } } as Mode] : []),
  ]
}

/** Who can draft for a request with a grammar, heads apart, which not every family has. */
export const constrainedModes: Mode[] = [
  { name: 'off', speculation: 'off' },
  ...[2, 8].flatMap(depth =>
    (['grammar', 'lookup', 'cache', 'draft'] as const).map(
      (method): Mode => ({ name: `${method}@${depth}`, speculation: { method, depth } }),
    ),
  ),
  { name: 'auto', speculation: 'auto' },
]

export const controlledModes: Mode[] = [
  { name: 'auto', speculation: 'auto' },
  { name: 'varying', speculation: 'auto', policy: step => varied[step % varied.length]! },
]

const lookupAt = (depth: number): Mode['speculation'] => ({ method: 'lookup', depth })

/** Drafters that no one would use. Each knows what the target will say. */
export const adversarialModes: Mode[] = [
  {
    name: 'always-wrong',
    speculation: lookupAt(8),
    guess: (expected, sequence, depth) => ({
      tokens: ahead(expected, sequence, depth).map(id => (id + 1) % 512),
    }),
  },
  {
    name: 'oracle',
    speculation: lookupAt(16),
    guess: (expected, sequence, depth) => ({ tokens: ahead(expected, sequence, depth) }),
  },
  {
    name: 'random-lengths',
    speculation: lookupAt(16),
    // Right for a pseudo-random number of tokens, wrong from there on.
    guess: (expected, sequence, depth) => {
      const dice = Math.imul(sequence.length, 2654435761) >>> 28
      const tokens = ahead(expected, sequence, Math.min(depth, dice + 1))
      return { tokens: tokens.map((id, i) => (i < dice / 2 ? id : (id + 7) % 512)) }
    },
  },
  { name: 'random-trees', speculation: lookupAt(16), guess: randomTree },
]

/** Nodes that follow any earlier one; most that follow the right path so far go on with it. */
function randomTree(expected: readonly number[], sequence: Sequence, numNodes: number): Guess {
  const right = ahead(expected, sequence, numNodes)
  const dice = (i: number): number => Math.imul(sequence.length * 64 + i, 2654435761) >>> 16
  const tokens: number[] = []
  const parents: number[] = []
  const rightDepth: Array<number | undefined> = [0] // of each node; undefined off the right path
  for (let i = 1; i <= right.length; i++) {
    // The node before, or any: long paths and wide trees.
    const parent = dice(i) % 3 > 0 ? i - 1 : (dice(i) >> 3) % i
    const depth = rightDepth[parent]
    const isRight = depth !== undefined && dice(i + 32) % 4 > 0
    const token = isRight ? right[depth]! : dice(i) % 512
    rightDepth[i] = depth !== undefined && token === right[depth] ? depth + 1 : undefined
    tokens.push(token)
    parents.push(parent)
  }
  return { tokens, parents }
}

function ahead(
  expected: readonly number[],
  sequence: { length: number; promptLength: number },
  depth: number,
): number[] {
  const from = sequence.length - sequence.promptLength
  return expected.slice(from, from + depth)
}

/** The same without penalties and bias. */
export const plainOf = ({ temperature, seed }: Sampling): Sampling => ({ temperature, seed })

/** Alone, or with three others that join while it runs and leave before it ends. Returns the runs that differ. */
export async function compare(
  rig: ExactnessRig,
  mode: Mode,
  prompt: string,
  sampling: Sampling,
  together: boolean,
): Promise<{ run: Run; mismatched: number; runs: number }> {
  const expected = await rig.reference(prompt, sampling, NUM_TOKENS)
  const others = together ? companions : []
  const wanted: number[][] = []
  const samplingOf = (other: { plain: boolean }): Sampling => (other.plain ? plainOf(sampling) : sampling)
  for (const other of others) {
    wanted.push(await rig.reference(other.prompt, samplingOf(other), other.maxTokens))
  }
  const joined: Array<Promise<Run> | undefined> = []
  const run = await rig.run(
    mode,
    { prompt, ...sampling, maxTokens: NUM_TOKENS, ignoreEos: sampling.grammar === undefined },
    numTokens => {
      others.forEach((other, i) => {
        const { joins, plain: _, ...options } = other
        if (numTokens < joins) return
        const drawn = samplingOf(other)
        joined[i] ??= rig.generate({ ...options, ...drawn, ignoreEos: drawn.grammar === undefined })
      })
    },
  )
  const rest = await Promise.all(joined)
  const mismatches = [
    sameIds(run.tokens, expected),
    ...rest.map((other, i) => sameIds(other?.tokens ?? [], wanted[i]!)),
  ]
  return { run, mismatched: mismatches.filter(same => !same).length, runs: mismatches.length }
}

/** Sixteen at once, in KV blocks for two: they join, share a beginning, leave, give way and come back. */
export async function compareCrowd(
  rig: ExactnessRig,
  small: ExactnessRig,
  mode: Mode,
  sampling: Sampling,
): Promise<{ runs: Run[]; mismatched: number }> {
  const wanted: number[][] = []
  for (const { prompt, maxTokens } of crowd) wanted.push(await rig.reference(prompt, sampling, maxTokens))
  const all = crowd.map(({ joins, ...options }, i) => ({
    joins,
    options: {
      ...options,
      ...sampling,
      ignoreEos: true,
      speculation: mode.speculation,
      priority: i === 9 ? 1 : 0,
    },
  }))
  const [first, ...others] = all
  const joined: Array<Promise<Run> | undefined> = []
  const run = await small.run(mode, first!.options, numTokens => {
    others.forEach(({ joins, options }, i) => {
      if (numTokens >= joins) joined[i] ??= small.generate(options)
    })
  })
  const runs = [run, ...(await Promise.all(joined)).map(other => other!)]
  return { runs, mismatched: runs.filter(({ tokens }, i) => !sameIds(tokens, wanted[i]!)).length }
}

/** A stop id, max_tokens and an abort in the middle of drafts 16 deep; what follows must be untouched. */
export async function compareEndings(
  rig: ExactnessRig,
  mode: Mode,
  prompt: string,
  sampling: Sampling,
): Promise<{ runs: Run[]; mismatched: number }> {
  const expected = await rig.reference(prompt, sampling, NUM_TOKENS)
  const base = { prompt, ...sampling, ignoreEos: true }
  const stopToken = expected[41]!
  const stopAt = expected.indexOf(stopToken) + 1
  const stopped = await rig.run(mode, { ...base, maxTokens: NUM_TOKENS, stopTokens: [stopToken] })
  const limited = await rig.run(mode, { ...base, maxTokens: 37 })
  const aborted: number[] = []
  const controller = new AbortController()
  const abandoned = rig.run(
    mode,
    { ...base, maxTokens: NUM_TOKENS, signal: controller.signal },
    numTokens => {
      aborted.push(numTokens)
      if (numTokens > 10) controller.abort()
    },
  )
  const code = await abandoned.then(
    () => 'finished',
    (error: { code?: string }) => error.code,
  )
  const after = await rig.run(mode, { ...base, maxTokens: NUM_TOKENS })
  const same = [
    sameIds(stopped.tokens, expected.slice(0, stopAt)) && stopped.finishReason === 'stop',
    sameIds(limited.tokens, expected.slice(0, 37)) && limited.finishReason === 'length',
    code === 'aborted',
    sameIds(after.tokens, expected),
  ]
  return { runs: [stopped, limited, after], mismatched: same.filter(ok => !ok).length }
}

/** The end of the context inside a draft: a rig whose context is short. */
export async function compareContextEnd(
  rig: ExactnessRig,
  mode: Mode,
  prompt: string,
  sampling: Sampling,
  contextLength: number,
): Promise<{ run: Run; mismatched: number }> {
  const room = contextLength - rig.engine.tokenize(prompt).length
  const expected = await rig.reference(prompt, sampling, room)
  const run = await rig.run(mode, { prompt, ...sampling, maxTokens: 10_000, ignoreEos: true })
  const same = sameIds(run.tokens, expected) && run.tokens.length === room && run.finishReason === 'length'
  return { run, mismatched: same ? 0 : 1 }
}
