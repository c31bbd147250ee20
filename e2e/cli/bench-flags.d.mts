import type { ModelFormat, ShapeName } from '../bench/model-shapes.mjs'

interface BenchFlags {
  help: false
  suite: string
  quick: boolean
  json: string | undefined
  /** Both or neither. */
  shape?: ShapeName
  format?: ModelFormat
}

export function benchHelp(suites: readonly string[]): string
export function runHelp(suites: readonly string[]): string
export function parseBenchFlags(
  args: readonly string[],
  suites: readonly string[],
): { help: true } | (BenchFlags & { host: 'browser' | 'firefox' | 'node' })
export function parseRunFlags(
  args: readonly string[],
  suites: readonly string[],
):
  | { help: true }
  | { help: false; adapter: true; allowSoftware: boolean }
  | (BenchFlags & { adapter: false; allowSoftware: boolean })
