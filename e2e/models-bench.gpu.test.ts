/** The suite models on a small shape: every row, and JavaScript never holds as much as the file has bytes. */

import { expect, it } from 'vitest'
import { cdp, server } from 'vitest/browser'
import type { BenchRow } from './bench/bench-context'
import { fullSizeModel, fullSizeModels } from './bench/full-size-model'
import { models } from './bench/models.bench'
import { MemoryWatch } from './cli/memory-watch.mjs'
import { smallKernels } from './small-kernels'

interface DevTools {
  send(method: 'HeapProfiler.collectGarbage'): Promise<void>
  send(method: 'Runtime.getHeapUsage'): Promise<{ usedSize: number; backingStorageSize: number }>
}

// No other browser tells how much JavaScript holds.
it.skipIf(server.browser !== 'chromium')(
  'loads a model of several types, and holds little of it',
  async () => {
    const devTools = cdp() as unknown as DevTools
    const memory = new MemoryWatch({
      collect: () => devTools.send('HeapProfiler.collectGarbage'),
      async read() {
        const { usedSize, backingStorageSize } = await devTools.send('Runtime.getHeapUsage')
        return { js: usedSize + backingStorageSize, page: 0 }
      },
    })
    const shape = { vocab: 1000, dim: 1024, layers: 2, heads: 16, kvHeads: 4, ffn: 4096, tied: true }
    const model = fullSizeModels['qwen2.5-0.5b-q4_k_m.gguf']
    const rows: BenchRow[] = []
    for await (const row of models({
      files: { small: fullSizeModel({ ...model, shape }) },
      maxTokens: 2,
      memory: { watch: () => memory.begin(), peak: () => memory.end() },
      internals: { skipCalibration: true, deviceProfile: smallKernels },
    })) {
      rows.push(row)
    }
    expect(rows.map(({ name, metric }) => [name, metric])).toEqual(
      ['js_peak_mb', 'page_peak_mb', 'seconds', 'gpu_mb'].map(metric => ['load_model', metric]),
    )
    const value = (metric: string) => rows.find(row => row.metric === metric)!.value
    expect(value('js_peak_mb')).toBeLessThan(rows[0]!.file_mb as number)
    expect(value('gpu_mb')).toBeGreaterThan(rows[0]!.file_mb as number)
  },
)
