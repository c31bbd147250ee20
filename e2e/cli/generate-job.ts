/** `npm run generate`, the page's side. */
import { createEngine, type EngineStats, type GenerateOptions, type TokenBatch } from 'foretoken'
import { type PrintedError, printedError } from './terminal-event.ts'

export interface GenerateJob {
  model: string
  draft: string | undefined
  heads: string | undefined
  trees: boolean
  request: GenerateOptions
}

export interface GenerateReport {
  tokens: number[]
  text: string
  stats: EngineStats | null
  timings: {
    loadMs: number
    /** From the request to the first batch. */
    firstTokenMs: number
    /** From the request to its end. */
    generateMs: number
    tokensPerSecond: number
    /** One per step. */
    stepMs: number[]
    cpuMs: number[]
  }
  adapter: string | null
  error?: PrintedError
}

export async function runGenerate(job: GenerateJob, signal: AbortSignal): Promise<GenerateReport> {
  const timings = { loadMs: 0, firstTokenMs: 0, generateMs: 0, tokensPerSecond: 0, stepMs: [], cpuMs: [] }
  const report: GenerateReport = { tokens: [], text: '', stats: null, timings, adapter: null }
  try {
    await loadAndGenerate(job, signal, report)
  } catch (error) {
    report.error = printedError(error)
  }
  return report
}

async function loadAndGenerate(job: GenerateJob, signal: AbortSignal, report: GenerateReport): Promise<void> {
  const startMs = performance.now()
  const engine = await createEngine({
    model: job.model,
    ...(job.draft === undefined ? {} : { draft: job.draft }),
    ...(job.heads === undefined ? {} : { heads: job.heads }),
    trees: job.trees,
    signal,
    onProgress: progress => emitToTerminal({ type: 'progress', progress }),
  })
  report.timings.loadMs = performance.now() - startMs
  try {
    await collect(engine.generate({ ...job.request, signal }), report)
  } finally {
    report.stats = await engine.stats().catch(() => null)
    report.adapter = report.stats?.adapter ?? null
    await engine.dispose()
  }
}

async function collect(batches: AsyncIterable<TokenBatch>, report: GenerateReport): Promise<void> {
  const { tokens, timings } = report
  const startMs = performance.now()
  let printed = Promise.resolve()
  for await (const batch of batches) {
    timings.generateMs = performance.now() - startMs
    timings.firstTokenMs ||= timings.generateMs
    timings.stepMs.push(batch.timings.stepMs)
    timings.cpuMs.push(batch.timings.cpuMs)
    tokens.push(...batch.tokens)
    report.text += batch.text
    timings.tokensPerSecond = (tokens.length / timings.generateMs) * 1000
    printed = emitToTerminal({ type: 'text', text: batch.text })
  }
  await printed
}
