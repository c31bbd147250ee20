/**
 * What the rules that judge a draft are worth beside each other: tokens per step of the bundled pair at temperature 1,
 * the same prompts, seeds and depths. And whether one draft token is kept with the common mass of the two distributions,
 * 1 - TV(p, q). Everything is counted, nothing timed.
 */
import { Engine, type Verification } from '@foretoken/engine'
import { family, prompts } from '@foretoken/tiny-models/family'
import type { BenchContext, BenchRow } from './bench-context'
import { measureAcceptance } from './distribution.bench'

const rules: readonly Verification[] = ['shared-noise', 'rejection', 'block']
const workloads = ['story', 'chat', 'edit', 'extract'] as const
const depths = [2, 4, 8]
const maxTokens = 96

export default async function* suite({ quick }: BenchContext): AsyncGenerator<BenchRow> {
  const samples = quick ? 2_000 : 20_000
  for (const verification of ['rejection', 'block'] as const) {
    const { share, commonMass } = await measureAcceptance(samples, verification)
    const about = { verification, depth: 1, common_mass: commonMass, samples }
    yield { name: 'acceptance', metric: 'share', value: share, unit: '', ...about }
  }
  yield* acceptedLengths(quick)
}

async function* acceptedLengths(quick: boolean): AsyncGenerator<BenchRow> {
  const [numPrompts, numSeeds] = quick ? [2, 1] : [12, 4]
  const engine = await Engine.load(
    { model: family.target.q8_0, draft: family.wide.q8_0, verificationDepth: Math.max(...depths) },
    { skipCalibration: true },
  )
  for (const depth of depths) {
    for (const workload of workloads) {
      for (const verification of rules) {
        const runs = prompts[workload]
          .slice(0, numPrompts)
          .flatMap((content, i) =>
            Array.from({ length: numSeeds }, (_, j) =>
              countSteps(engine, { content, seed: i * numSeeds + j, depth, verification }),
            ),
          )
        const counts = await Promise.all(runs)
        const tokens = counts.reduce((sum, count) => sum + count.tokens, 0)
        const steps = counts.reduce((sum, count) => sum + count.steps, 0)
        const about = { workload, verification, depth, temperature: 1, tokens, steps }
        yield {
          name: 'accepted_length',
          metric: 'tokens_per_step',
          value: tokens / steps,
          unit: 'tokens',
          ...about,
        }
      }
    }
  }
  await engine.dispose()
}

interface Case {
  content: string
  seed: number
  depth: number
  verification: Verification
}

/** The first step is the prompt's. */
async function countSteps(engine: Engine, test: Case): Promise<{ tokens: number; steps: number }> {
  const { content, depth, ...options } = test
  const count = { tokens: 0, steps: 0 }
  let isFirst = true
  for await (const { tokens } of engine.generate({
    messages: [{ role: 'user', content }],
    temperature: 1,
    maxTokens,
    speculation: { method: 'draft', depth },
    ...options,
  })) {
    if (!isFirst) {
      count.tokens += tokens.length
      count.steps++
    }
    isFirst = false
  }
  return count
}
