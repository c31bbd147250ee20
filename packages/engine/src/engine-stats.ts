/** What an engine tells of itself, beside what it counts. */
import { BLOCK_SIZE, type CostModel, METHODS, type Scheduler } from '@foretoken/scheduler'
import type { Counted } from './counters'
import type { LoadedEngine } from './load-engine'
import type { EngineStats } from './types'

export function engineStats(
  { gpu, target, drafts, runner, ngrams, sizes, selfCheck, tuning, numerics }: LoadedEngine,
  { cost, estimates, running, numWaiting, kv }: Scheduler,
): Omit<EngineStats, keyof Counted | 'createsSinceReady'> {
  const described = drafts.map(({ name, format, numParameters, vocabulary }) => ({
    name,
    format,
    parameters: numParameters,
    vocabulary: vocabulary!,
  }))
  const survival = METHODS.map(method => [method, estimates.firsts(method)])
  return {
    num_running: running.length,
    num_waiting: numWaiting,
    num_preemptions: kv.numPreemptions,
    prefix_cache_hits: kv.numTokensShared,
    kvBlocks: { total: kv.numBlocks, used: kv.numUsed, cached: kv.numCached },
    adapter: gpu.adapterName,
    model: {
      name: target.name,
      architecture: target.config.architecture,
      format: target.format,
      parameters: target.numParameters,
      contextLength: sizes.contextLength,
      hasChatTemplate: target.tokenizer.hasChatTemplate,
    },
    draft: described[0] ?? null,
    drafts: described,
    numHeads: runner.numHeads,
    numCachedNgrams: ngrams?.cache.size ?? 0,
    gpuBytes: gpu.bytes,
    capacity: {
      maxRows: sizes.maxRows,
      maxSamples: sizes.maxSamples,
      maxConcurrent: sizes.maxConcurrent,
      kvPositions: sizes.numBlocks * BLOCK_SIZE,
    },
    selfCheck,
    tuning,
    numerics,
    cost: costTables(cost),
    survival: Object.fromEntries(survival) as EngineStats['survival'],
  }
}

const costTables = (cost: CostModel): EngineStats['cost'] => ({
  target: cost.target.table(),
  draft: cost.of('draft').table(),
  'draft-2': cost.of('draft-2').table(),
  'draft-3': cost.of('draft-3').table(),
  heads: cost.of('heads').table(),
  waitMs: cost.waitMs,
})
