/**
 * Promise 1 rests on rows whose bits do not depend on how many share a pass (DESIGN.md section 2). WGSL leaves
 * compilers some freedom, so it is checked at load, on this device: the same rows one by one and in every tile. A
 * tile that gives other bits is not used.
 */
import type { Command } from './command'
import type { Runner } from './runner'
import { Trial } from './trial'

export interface SelfCheck {
  /** Rows per workgroup whose results are equal bit for bit. */
  tilesUsed: number[]
  tilesRefused: number[]
}

export async function selfCheck(runner: Runner, vocab: number): Promise<SelfCheck> {
  const { commands } = runner.target
  const tiles = [...new Set(commands.flatMap(command => command.variants.map(variant => variant.tile)))]
  const largest = Math.max(...tiles)
  const trial = new Trial(runner, vocab, { scoring: true })
  const first = trial.start - 1
  const logits = async (from: number, numRows: number): Promise<Uint32Array> => {
    const outcome = await runner.execute(trial.step(trial.rows(from, numRows)))
    return new Uint32Array(outcome.logits!.buffer)
  }
  const alone: Uint32Array[] = []
  for (let i = 0; i < largest; i++) alone.push(await logits(first + i, 1))

  const check: SelfCheck = { tilesUsed: [], tilesRefused: [] }
  for (const tile of tiles.sort((a, b) => a - b)) {
    const together = await logits(first, tile)
    const stride = together.length / tile
    const equal = alone
      .slice(0, tile)
      .every((row, i) => row.every((bits, j) => bits === together[i * stride + j]))
    if (equal) check.tilesUsed.push(tile)
    else check.tilesRefused.push(tile)
  }
  for (const command of [...commands, ...(runner.draft?.commands ?? [])])
    keepTiles(command, check.tilesRefused)
  return check
}

function keepTiles(command: Command, refused: readonly number[]): void {
  if (command.variants.length === 1 || refused.length === 0) return
  const kept = command.variants.filter(({ tile }) => !refused.includes(tile))
  // The tail's rows come after whole tiles of the largest: without that one, all rows are the body's.
  const hasBody = kept.at(-1) === command.variants.at(-1)
  command.variants = hasBody ? kept : kept.slice(-1)
  if (!hasBody) delete command.tailBindGroup
}
