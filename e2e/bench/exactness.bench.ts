/**
 * Promise 1: the ids with speculation are those without, for every format, mode, depth, temperature and company,
 * with penalties and logit bias as without; and for small models of every type of tensor and every architecture.
 * `mismatched_runs` must be 0; both draft counts must be above 0 in every mode but off.
 */

import { hasIntegerProducts } from '@foretoken/engine'
import { bundledHeadsUrl } from '@foretoken/tiny-models'
import { family } from '@foretoken/tiny-models/family'
import type { BenchContext, BenchRow } from './bench-context'
import * as cases from './exactness-cases'
import { measureSmallModels } from './exactness-models'
import { ExactnessRig, type Family, type Mode, type Sampling } from './exactness-rig'
import { Tally } from './exactness-tally'

export default async function* exactness(context: BenchContext): AsyncGenerator<BenchRow> {
  const draft = context.fetchModel('stories40K-f32.gguf')
  const formats = ['f32', 'q8_0', 'q4_0']
  for (const format of formats) {
    const model = context.fetchModel(`stories260K-${format}.gguf`)
    if (!model || !draft) throw new Error('The suite exactness needs ../shared/models.')
    // In full with one type: each has a small model of its own below.
    const isWhole = format === 'q8_0'
    const parts = isWhole ? 'all' : 'none'
    yield* measureFamily({ format, model, drafts: [draft] }, context.quick || !isWhole, { parts })
  }
  yield* measureFamily(tales, context.quick)
  if (hasIntegerProducts()) yield* measureFamily(fastTales, true, { only: isOneOfItsKind, parts: 'none' })
  yield* measureSmallModels(context.quick)
}

/** The bundled family: with a second draft and heads. */
export const tales: Family = {
  format: 'tales q8_0',
  model: family.target.q8_0,
  drafts: [family.wide.q8_0, family.tiny.q8_0],
  heads: bundledHeadsUrl,
}

/** The same with integers, on a device where they are slower too. */
export const fastTales: Family = { ...tales, format: 'tales q8_0, fast', numerics: 'fast' }
const isOneOfItsKind = ({ name }: Mode): boolean =>
  ['off', 'lookup@8', 'draft@3', 'draft-2@4', 'heads@3', 'draft-tree@16', 'auto', 'random-trees'].includes(
    name,
  )

/**
 * One row per mode. `quick` tries fewer seeds, and company for every other run only. `only`: some modes. `parts`: what is
 * measured beside the modes.
 */
export async function* measureFamily(
  drafters: Family,
  quick: boolean,
  {
    only = () => true,
    parts = 'all',
  }: { only?: (mode: Mode) => boolean; parts?: 'all' | 'endings' | 'constrained' | 'none' } = {},
): AsyncGenerator<BenchRow> {
  const { format } = drafters
  const seeds = quick ? [1] : [1, 2, 3]
  const samplings: Sampling[] = [
    { temperature: 0, seed: 0 },
    ...seeds.map(seed => ({ temperature: 0.8, seed })),
    ...cases.adjustedSamplings,
  ]
  const modes = [
    cases.offMode,
    ...cases.fixedModes([1, 3, 8, 16]),
    ...cases.loadedModes(drafters),
    ...cases.controlledModes,
    ...cases.adversarialModes,
  ].filter(only)
  const rig = await ExactnessRig.load(drafters)
  for (const mode of modes) {
    const tally = new Tally(mode.name, format)
    for (const [i, sampling] of samplings.entries()) {
      const prompt = cases.prompts[i % cases.prompts.length]!
      for (const together of quick ? [i % 2 === 0] : [false, true]) {
        const { run, mismatched, runs } = await cases.compare(rig, mode, prompt, sampling, together)
        tally.add([run], runs, mismatched + (run.tokens.length < cases.NUM_TOKENS ? 1 : 0))
      }
    }
    yield tally.row()
  }
  if (parts === 'all' || parts === 'constrained') yield* measureConstrained(rig, format, quick, only)
  if (parts === 'all' || parts === 'endings') {
    const deep = deepModes(drafters).filter(only)
    yield* measureEndings(rig, deep, format, samplings)
    // Three KV blocks, as the crowd needs them, or two.
    const contextLength = parts === 'all' ? 192 : 128
    const small = await ExactnessRig.load(drafters, { contextLength })
    if (parts === 'all') yield* measureCrowd(rig, small, format, samplings)
    yield* measureContextEnd(small, deep, format, samplings, contextLength)
    await small.engine.dispose()
  }
  await rig.engine.dispose()
}

const deepModes = (drafters: Family): Mode[] => [
  ...cases.fixedModes([16]),
  ...cases.loadedModes(drafters).filter(({ name }) => /tree@|heads/.test(name)),
  ...cases.adversarialModes.filter(mode => mode.name === 'oracle'),
]

async function* measureEndings(
  rig: ExactnessRig,
  modes: readonly Mode[],
  format: string,
  samplings: readonly Sampling[],
): AsyncGenerator<BenchRow> {
  for (const mode of modes) {
    const tally = new Tally(`endings ${mode.name}`, format)
    for (const sampling of samplings.slice(0, 2)) {
      const { runs, mismatched } = await cases.compareEndings(rig, mode, cases.prompts[0]!, sampling)
      tally.add(runs, 4, mismatched)
    }
    yield tally.row()
  }
}

/** Requests that a grammar constrains, alone and among others that have none. */
async function* measureConstrained(
  rig: ExactnessRig,
  format: string,
  quick: boolean,
  only: (mode: Mode) => boolean,
): AsyncGenerator<BenchRow> {
  const chains = cases.adversarialModes.filter(({ name }) => !/trees/.test(name))
  const heads: Mode = { name: 'heads@3', speculation: { method: 'heads', depth: 3 } }
  const own = rig.engine.stats().numHeads > 0 ? [heads] : []
  const modes = [...cases.constrainedModes, ...own, ...chains].filter(only)
  for (const mode of modes) {
    const tally = new Tally(`constrained ${mode.name}`, format)
    for (const [i, sampling] of cases.constrainedSamplings.entries()) {
      for (const together of quick ? [i !== 1] : [false, true]) {
        const { run, mismatched, runs } = await cases.compare(
          rig,
          mode,
          cases.prompts[0]!,
          sampling,
          together,
        )
        tally.add([run], runs, mismatched)
      }
    }
    yield tally.row()
  }
}

async function* measureCrowd(
  rig: ExactnessRig,
  small: ExactnessRig,
  format: string,
  samplings: readonly Sampling[],
): AsyncGenerator<BenchRow> {
  const modes = [cases.offMode, ...cases.fixedModes([4]), ...cases.controlledModes]
  // Greedy for one mode, sampled for the next; penalties too, and a grammar at last.
  const crowds = modes.map((mode, i) => ({
    mode,
    sampling: samplings[i % samplings.length]!,
    prefix: 'crowd ',
  }))
  const [grammar] = cases.constrainedSamplings.slice(-1)
  const [auto] = cases.controlledModes
  crowds.push({ mode: auto!, sampling: grammar!, prefix: 'constrained crowd ' })
  for (const { mode, sampling, prefix } of crowds) {
    const tally = new Tally(`${prefix}${mode.name}`, format)
    const before = small.engine.stats()
    const { runs, mismatched } = await cases.compareCrowd(rig, small, mode, sampling)
    tally.add(runs, runs.length, mismatched)
    const after = small.engine.stats()
    yield {
      ...tally.row(),
      num_preemptions: after.num_preemptions - before.num_preemptions,
      prefix_cache_hits: after.prefix_cache_hits - before.prefix_cache_hits,
      kv_blocks_left: after.kvBlocks.used,
    }
  }
}

async function* measureContextEnd(
  rig: ExactnessRig,
  modes: readonly Mode[],
  format: string,
  samplings: readonly Sampling[],
  contextLength: number,
): AsyncGenerator<BenchRow> {
  for (const mode of modes) {
    const tally = new Tally(`context end ${mode.name}`, format)
    for (const sampling of samplings.slice(0, 2)) {
      const { run, mismatched } = await cases.compareContextEnd(
        rig,
        mode,
        cases.prompts[0]!,
        sampling,
        contextLength,
      )
      tally.add([run], 1, mismatched)
    }
    yield tally.row()
  }
}
