/** How the rows of a pass share loads of keys and values, and whether their splits run side by side. */
import { BLOCK_SIZE, type Pass, type Row } from '@foretoken/scheduler'

/** Neighbouring rows of one sequence: a record of the step data. */
export interface Tile {
  first: number
  rows: number
  /** Splits and slots that any of its rows sees. */
  splits: number
  end: number
  /** The first slot that may hold a node of a draft tree. */
  nodesFrom: number
}

export interface AttentionPlan {
  /** Tiles have so many rows at most. */
  tileRows: number
  tiles: Tile[]
  splits: number
  /** Each workgroup takes all splits of its tile, and there is nothing to merge. */
  walk: boolean
  tree: boolean
  /** Each tile is the one row of its sequence, which attention puts into the cache itself. */
  append: boolean
}

export interface AttentionLimits {
  /** Sizes of tiles whose splits run side by side, ascending. */
  tiles: readonly number[]
  walkTile: number
  /** Rows times splits, and tiles times splits, that the buffers between attend and merge hold. */
  maxRowSplits: number
  maxTileSplits: number
  /** Walking gives other bits on this device: then every pass walks. */
  alwaysWalk: boolean
  /** Attention can put keys and values into the cache itself, with the same bits. */
  appends: boolean
  /** Of a CPU: a tile's workgroups, and how many run at once. There a dispatch costs about half a round of them. */
  cpu: { groups: number; atOnce: number } | undefined
}

export interface AttentionOptions {
  /** Even where splits could run side by side; or only where they cannot. */
  walk?: boolean
  /** Where that is possible; it is the default. */
  append?: boolean
}

/** So many rows keep a device busy without their splits. */
export const WALK_ROWS = 64

const NO_NODES = 0xffffffff

/** `isAhead`: positions count from lengths that only the GPU knows. */
export function planAttention(
  { rows }: Pass,
  limits: AttentionLimits,
  { walk, append = true, isAhead = false }: AttentionOptions & { isAhead?: boolean } = {},
): AttentionPlan {
  const tree = rows.some(row => row.node !== undefined)
  const positions = rows.map(row => (isAhead ? latestPosition(row) : row.position))
  const splits = Math.floor(Math.max(0, ...positions) / BLOCK_SIZE) + 1
  const lost = (numTiles: number): number => lostRounds(numTiles, splits, limits)
  const { walkTile } = limits
  if (append && limits.appends && !walk && !tree && isOneEach(rows) && lost(rows.length) <= 1) {
    const tiles = cutTiles(rows, positions, 1, isAhead)
    return { tileRows: 1, tiles, splits, walk: true, tree, append }
  }
  const run = longestRun(rows)
  const tileRows = limits.tiles.find(size => size >= run) ?? limits.tiles.at(-1)!
  const tiles = cutTiles(rows, positions, tileRows, isAhead)
  const fits =
    rows.length <= WALK_ROWS &&
    rows.length * splits <= limits.maxRowSplits &&
    tiles.length * splits <= limits.maxTileSplits
  const isFree = walk === undefined && tileRows === walkTile && lost(tiles.length) === 0
  if (fits && !walk && !isFree && !limits.alwaysWalk)
    return { tileRows, tiles, splits, walk: false, tree, append: false }
  const walked = cutTiles(rows, positions, walkTile, isAhead)
  return { tileRows: walkTile, tiles: walked, splits, walk: true, tree, append: false }
}

/** What walking saves are dispatches: one by merging nothing, two where it appends as well. What it may lose are rounds. */
function lostRounds(numTiles: number, splits: number, { cpu }: AttentionLimits): number {
  if (!cpu) return Number.POSITIVE_INFINITY
  const rounds = (tiles: number): number => Math.ceil((tiles * cpu.groups) / cpu.atOnce)
  return rounds(numTiles) * splits - rounds(numTiles * splits)
}

const isOneEach = (rows: readonly Row[]): boolean =>
  new Set(rows.map(({ sequence }) => sequence)).size === rows.length

/** Where a row of a step planned ahead stands at most: what lies beyond its own position it does not see. */
const latestPosition = ({ sequence, position }: Row): number =>
  Math.min(position + sequence.length + sequence.numInFlight, sequence.maxLength - 1)

function longestRun(rows: readonly Row[]): number {
  let longest = 0
  let run = 0
  rows.forEach((row, i) => {
    run = rows[i - 1]?.sequence === row.sequence ? run + 1 : 1
    longest = Math.max(longest, run)
  })
  return longest
}

/** Behind the last node that it sees, if its tree begins at `base`. */
const endOf = ({ sequence, node }: Row, base: number): number =>
  Math.min(base + 32 - Math.clz32(node!.mask), sequence.maxLength)

function cutTiles(
  rows: readonly Row[],
  positions: readonly number[],
  maxRows: number,
  isAhead: boolean,
): Tile[] {
  const tiles: Tile[] = []
  rows.forEach((row, first) => {
    const last = tiles.at(-1)
    const joins = last && last.rows < maxRows && rows[last.first]!.sequence === row.sequence
    const tile = joins ? last : { first, rows: 0, splits: 0, end: 0, nodesFrom: NO_NODES }
    if (!joins) tiles.push(tile)
    const { node } = row
    const position = positions[first]!
    // Of a step planned ahead the tree begins between its sequence's length and what that may become.
    const [earliest, latest] = isAhead ? [row.sequence.length, latestPosition({ ...row, position: -1 })] : []
    tile.rows++
    tile.splits = Math.max(tile.splits, Math.floor(position / BLOCK_SIZE) + 1)
    tile.end = Math.max(tile.end, node ? endOf(row, latest ?? node.base) : position + 1)
    if (node) tile.nodesFrom = Math.min(tile.nodesFrom, earliest ?? node.base)
  })
  return tiles
}
