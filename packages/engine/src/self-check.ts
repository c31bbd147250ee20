/**
 * Promise 1 rests on rows whose bits do not depend on how many share a pass (DESIGN.md section 2). WGSL leaves
 * compilers some freedom, so it is checked at load, on this device: the same rows one by one and in every tile. A
 * tile that gives other bits is not used.
 */
import { BLOCK_SIZE } from '@foretoken/scheduler'
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
  const trial = new Trial(runner, vocab, { scoring: true, context: BLOCK_SIZE - 4 })
  const first = trial.start - 1
  const logits = async (from: number, numRows: number, walk = false): Promise<Uint32Array> => {
    const outcome = await runner.execute(trial.step(trial.rows(from, numRows)), { walk })
    return new Uint32Array(outcome.logits!.buffer)
  }
  const equal = (together: Uint32Array, numRows: number): boolean => {
    const stride = together.length / numRows
    return alone
      .slice(0, numRows)
      .every((row, i) => row.every((bits, j) => bits === together[i * stride + j]))
  }
  const alone: Uint32Array[] = []
  for (let i = 0; i < largest; i++) alone.push(await logits(first + i, 1))

  const check: SelfCheck = { tilesUsed: [], tilesRefused: [] }
  for (const tile of tiles.sort((a, b) => a - b)) {
    if (equal(await logits(first, tile), tile)) check.tilesUsed.push(tile)
    else check.tilesRefused.push(tile)
  }
  for (const command of [...commands, ...(runner.draft?.commands ?? [])])
    keepTiles(command, check.tilesRefused)
  const walkTile = check.tilesUsed.at(-1)!
  if (!equal(await logits(first, walkTile, true), walkTile)) {
    for (const llama of [runner.target, runner.draft]) if (llama) llama.attention.alwaysWalk = true
  }
  return check
}

function keepTiles(command: Command, refused: readonly number[]): void {
  // Walking has one tile for all: it is used or not as a whole.
  if (new Set(command.variants.map(({ tile }) => tile)).size === 1) return
  command.variants = command.variants.filter(({ tile }) => !refused.includes(tile))
}
