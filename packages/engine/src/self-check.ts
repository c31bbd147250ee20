/**
 * Promise 1 rests on rows whose bits do not depend on how many share a pass (DESIGN.md section 2). WGSL leaves
 * compilers some freedom, so it is checked at load, on this device: the same rows one by one and in every tile, and the
 * same prompt in the tiles that are left and in that of prefill. A tile that gives other bits is not used.
 */
import { BLOCK_SIZE } from '@foretoken/scheduler'
import { type Command, DECODE_ROWS } from './command'
import type { Runner } from './runner'
import { Trial } from './trial'

/** Rows of a tile that are looked at: what a larger one has more of, it takes in a loop. */
const TILE_ROWS = 8
/** Rows of a prompt that are looked at. */
const PREFILL_SAMPLES = 16

export interface SelfCheck {
  /** Rows per workgroup whose results are equal bit for bit. */
  tilesUsed: number[]
  tilesRefused: number[]
  /** Rows that are nodes of a tree give the bits of rows that are not. False where there are to be no trees. */
  trees: boolean
}

export async function selfCheck(runner: Runner, vocab: number, trees: boolean): Promise<SelfCheck> {
  const { commands } = runner.target
  const models = [runner.target, ...runner.drafts]
  const all = [...models.flatMap(model => model.commands), ...(runner.target.heads ?? [])]
  const tiles = [...new Set(commands.flatMap(command => command.variants.map(variant => variant.tile)))]
  tiles.sort((a, b) => a - b)
  const rowsOf = (tile: number): number => {
    const before = tiles[tiles.indexOf(tile) - 1] ?? 0
    return Math.min(tile, Math.max(TILE_ROWS, before + 1))
  }
  const trial = new Trial(runner, vocab, { scoring: true, context: BLOCK_SIZE - 4 })
  const first = trial.start - 1
  const oneByOne = async (append: boolean): Promise<Uint32Array[]> => {
    const rows: Uint32Array[] = []
    for (let i = 0; i < rowsOf(tiles.at(-1)!); i++)
      rows.push(...(await logits(runner, trial, first + i, 1, { append })))
    return rows
  }
  const alone = await oneByOne(false)

  const check: SelfCheck = { tilesUsed: [], tilesRefused: [], trees }
  for (const tile of tiles) {
    const together = await logits(runner, trial, first, rowsOf(tile))
    const list = equal(together, alone) ? check.tilesUsed : check.tilesRefused
    list.push(tile)
  }
  for (const command of all) keepTiles(command, check.tilesRefused)
  const numRows = rowsOf(check.tilesUsed.at(-1)!)
  const walked = await logits(runner, trial, first, numRows, { walk: true })
  const sameWalked = equal(walked, alone)
  const sameAppended = runner.target.attention.appends && equal(await oneByOne(true), alone)
  for (const { attention } of models) {
    attention.alwaysWalk = !sameWalked
    attention.appends &&= sameWalked && sameAppended
  }
  for (const walk of trees ? [false, true] : []) {
    const nodes = await logits(runner, trial, first, numRows, { walk, asTree: true })
    check.trees &&= equal(nodes, alone)
  }

  const prefill = commands.find(command => command.prefill)?.prefill
  if (!prefill) return check
  if (await prefillIsEqual(runner, trial, alone.length)) check.tilesUsed.push(prefill.tile)
  else {
    check.tilesRefused.push(prefill.tile)
    for (const command of all) delete command.prefill
  }
  return check
}

/** A context that has no room for so many rows is as good as a difference: what cannot be checked is not used. */
async function prefillIsEqual(runner: Runner, trial: Trial, atOnce: number): Promise<boolean> {
  const numRows = trial.sequence.maxLength
  if (numRows <= DECODE_ROWS) return false
  const rows: Uint32Array[] = []
  while (rows.length < numRows)
    rows.push(...(await logits(runner, trial, rows.length, Math.min(atOnce, numRows - rows.length))))
  // A pass may have room for fewer samples than rows.
  const some = rows.slice(-PREFILL_SAMPLES)
  return equal(await logits(runner, trial, 0, numRows, { numSamples: some.length }), some)
}

/** Bits of the logits of rows that go through the model together, or of the last of them. */
async function logits(
  runner: Runner,
  trial: Trial,
  first: number,
  numRows: number,
  { walk = false, append = false, asTree = false, numSamples = numRows } = {},
): Promise<Uint32Array[]> {
  const pass = asTree ? trial.nodes(first, numRows) : trial.rows(first, numRows)
  const outcome = await runner.execute(trial.step({ ...pass, samples: pass.samples.slice(-numSamples) }), {
    walk,
    append,
  })
  const bits = new Uint32Array(outcome.logits!.buffer)
  const stride = bits.length / numSamples
  return Array.from({ length: numSamples }, (_, i) => bits.subarray(i * stride, (i + 1) * stride))
}

const equal = (some: readonly Uint32Array[], others: readonly Uint32Array[]): boolean =>
  some.every((row, i) => row.every((bits, j) => bits === others[i]![j]))

function keepTiles(command: Command, refused: readonly number[]): void {
  if (command.variants.length === 1 || refused.length === 0) return
  const kept = command.variants.filter(({ tile }) => !refused.includes(tile))
  if (command.planned) {
    // Walking has one tile for all: it is used or not as a whole.
    if (kept.length > 0) command.variants = kept
    return
  }
  // The tail's rows come after whole tiles of the largest: without that one, all rows are the body's.
  const hasBody = kept.at(-1) === command.variants.at(-1)
  command.variants = hasBody ? kept : kept.slice(-1)
  if (!hasBody) delete command.tailBindGroup
}
