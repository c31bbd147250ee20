/**
 * What the rules that judge a draft are worth beside each other: tokens per step of the bundled pair at temperature 1,
 * the same prompts, seeds and depth. Steps are counted, not timed: the rules differ in nothing else that matters.
 */
import { Engine, type Verification } from '@foretoken/engine'
import { family, prompts } from '@foretoken/tiny-models/family'
import type { BenchRow } from './bench-context'

const rules: readonly Verification[] = ['shared-noise', 'rejection', 'block']
const workloads = ['story', 'chat', 'edit', 'extract'] as const
const depths = [2, 4, 8]
const maxTokens = 96

export async function* acceptedLength(quick: boolean): AsyncGenerator<BenchRow> {
  const numPrompts = quick ? 2 : 12
  const engine = await Engine.load(
    { model: family.target.q8_0, draft: family.wide.q8_0, verificationDepth: Math.max(...depths) },
    { skipCalibration: true },
  )
  for (const depth of depths) {
    for (const workload of workloads) {
      for (const verification of rules) {
        const runs = prompts[workload].slice(0, numPrompts).map((content, seed) => {
          return countSteps(engine, { content, seed, depth, verification })
        })
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
