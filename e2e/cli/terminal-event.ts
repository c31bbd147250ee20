/** What the page tells the terminal while a job runs. */
import { isEngineError } from '@foretoken/errors'
import type { LoadProgress } from 'foretoken'
import type { BenchRow, MemoryUse } from '../bench/bench-context.ts'

export type TerminalEvent =
  | { type: 'progress'; progress: LoadProgress }
  | { type: 'text'; text: string }
  | { type: 'adapter'; adapter: string }
  | { type: 'row'; row: BenchRow }

/** An error as the terminal prints it. */
export interface PrintedError {
  code: string
  message: string
  details: Record<string, unknown>
}

declare global {
  /** Made by page-host.mjs; keeps the order of calls. */
  function emitToTerminal(event: TerminalEvent): Promise<void>
  /** Made by page-host.mjs, and by bundle-entry.mjs: memory is watched from now on .. */
  function watchMemory(): Promise<void>
  /** .. and the most that was held since, above what was held then. */
  function memoryPeak(): Promise<MemoryUse>
}

export function printedError(error: unknown): PrintedError {
  if (isEngineError(error)) {
    return { code: error.code, message: error.message, details: JSON.parse(JSON.stringify(error.details)) }
  }
  return { code: 'internal', message: error instanceof Error ? error.message : String(error), details: {} }
}
