/** How work is cut up on a device. Nothing here can change a bit of a result. */
import type { Gpu } from './gpu'

/** A matmul variant: rows that share an unpacked weight, and outputs per thread. */
export interface MatmulTile {
  rows: number
  outputs: number
}

/** How the kernel that takes rows one after the other, matmul-rows.wgsl, is cut. */
export interface PassingRows {
  /** That pass by the same weights, at most. */
  rows: number
  /** Per thread. */
  outputs: number
  /** Groups of 16 columns whose weights are held: 1, 2 or 4. */
  held: number
}

/** A tile of the prefill kernel, gemm.wgsl: a workgroup's rows and outputs, and those of each of its threads. */
export interface PrefillTile {
  rows: number
  outputs: number
  threadRows: number
  threadOutputs: number
  /** Groups of 16 columns that are staged together, at most: 1 or 2. */
  slice: number
}

/** Of matrices that have so many outputs at most. */
export interface PrefillCut {
  upTo: number
  tile: PrefillTile
}

/** Rows that matmul-split.wgsl takes with one dispatch of workgroups side by side, whose threads share K. */
export interface SplitTile {
  rows: number
  /** Of a thread; where they are fewer, several workgroups share the rows. */
  threadRows: number
  /** Threads side by side, each with its own outputs. */
  lanes: number
  outputs: number
  /** Groups of 16 columns in a round, at most: 1, 2 or 4. */
  ahead: number
  /** Of an output's 16-byte chunks in a round, at most, where a group has several; default 8. */
  chunks?: number
}

/** Of matrices that have so many outputs at most. */
export interface SplitCut {
  upTo: number
  /** By ascending rows. */
  tiles: readonly SplitTile[]
}

export interface DeviceProfile {
  matmul: {
    /** Threads side by side, each with its own outputs. */
    lanes: number
    subgroups: boolean
    /** Most outputs per thread of f32, f16 and bf16: their groups take more loads, so their code is longer. */
    plainOutputs: number
    /** By ascending rows. More rows than the last has are cut into such tiles. */
    tiles: readonly MatmulTile[]
    /** In place of these tiles: by ascending outputs, the last for all the rest. */
    split?: readonly SplitCut[] | undefined
    /** Takes more rows than the tiles have, where holding unpacked weights is cheap. */
    passing?: PassingRows
    /** Where passes of more than DECODE_ROWS rows are faster so than by the tiles above: by ascending outputs. */
    prefill?: readonly PrefillCut[] | undefined
  }
}

/** A profile by name, one of those that are tried on a device. */
export interface Cut extends DeviceProfile {
  name: string
}

/** Segments that K is cut into, at most: `segmentGroups`. */
const MAX_SEGMENTS = 16
export const GROUP_COLUMNS = 16

/**
 * Groups of 16 columns in a segment of K (DESIGN.md section 2): at most 16 segments, none shorter than 256 columns.
 * Part of the results: nothing but K may decide it.
 */
export const segmentGroups = (columns: number): number =>
  (64 * Math.max(4, Math.ceil(columns / (64 * MAX_SEGMENTS)))) / GROUP_COLUMNS

export const numSegments = (columns: number): number =>
  Math.ceil(columns / GROUP_COLUMNS / segmentGroups(columns))

/**
 * Loads are what costs on a CPU, and threads are few: wide register tiles, no sharing between threads. Its workgroup
 * memory is memory like any other, so it has no prefill tile. Beyond 6 rows a tile is little faster than rows that pass
 * by (less than a tenth at 8), and each takes a second to compile.
 */
const software: DeviceProfile = {
  matmul: {
    lanes: 4,
    subgroups: true,
    plainOutputs: 4,
    tiles: [
      { rows: 1, outputs: 4 },
      { rows: 2, outputs: 8 },
      { rows: 3, outputs: 8 },
      { rows: 4, outputs: 8 },
      { rows: 5, outputs: 8 },
      { rows: 6, outputs: 8 },
    ],
    passing: { rows: 32, outputs: 8, held: 2 },
  },
}

const splitTile = (
  rows: number,
  threadRows: number,
  lanes: number,
  outputs: number,
  ahead: number,
): SplitTile => ({ rows, threadRows, lanes, outputs, ahead })

/** So many threads of one output each are few for a large GPU. */
const FEW_OUTPUTS = 3583

/**
 * Many threads in flight hide the memory's latency: K is shared by up to 16 of them, and each asks ahead. A matrix of few
 * outputs keeps a GPU busy only where a thread has one row and one output of them; where there are many, each weight that
 * a thread has unpacked should serve more. By what was tried on an H100 (results/h100/products.json) and, of F16, on
 * an H200 (results/h200/splicing.json).
 */
const narrow: SplitCut = {
  upTo: FEW_OUTPUTS,
  tiles: [
    splitTile(1, 1, 8, 1, 4),
    splitTile(2, 2, 8, 1, 4),
    splitTile(4, 2, 8, 2, 4),
    splitTile(8, 4, 8, 2, 4),
  ],
}
const middle: SplitCut = {
  upTo: 5119,
  tiles: [
    splitTile(1, 1, 8, 1, 4),
    splitTile(2, 2, 8, 1, 4),
    splitTile(4, 4, 8, 2, 4),
    splitTile(8, 8, 8, 2, 2),
  ],
}
const wide: SplitCut = {
  upTo: Number.POSITIVE_INFINITY,
  tiles: [
    splitTile(1, 1, 8, 2, 4),
    splitTile(2, 2, 8, 2, 2),
    splitTile(4, 4, 8, 2, 2),
    { ...splitTile(8, 8, 16, 2, 2), chunks: 2 },
  ],
}

/**
 * 128 threads, and from 12.5 KiB: a thread's own tile is what its loads from workgroup memory are shared by, but where
 * outputs are few it leaves too few threads. The fastest of those tried on an H100, over 256 rows.
 */
const prefill: readonly PrefillCut[] = [
  { upTo: FEW_OUTPUTS, tile: { rows: 64, outputs: 32, threadRows: 4, threadOutputs: 4, slice: 2 } },
  {
    upTo: Number.POSITIVE_INFINITY,
    tile: { rows: 64, outputs: 64, threadRows: 8, threadOutputs: 4, slice: 2 },
  },
]

const hardware: DeviceProfile = {
  matmul: {
    lanes: 64,
    subgroups: false,
    plainOutputs: 2,
    tiles: [
      { rows: 1, outputs: 2 },
      { rows: 2, outputs: 2 },
      { rows: 4, outputs: 2 },
      { rows: 8, outputs: 1 },
    ],
    split: [narrow, middle, wide],
    prefill,
  },
}

/**
 * What may be faster than `hardware` on some device. The unsplit ones are for devices on which threads that wait for
 * one another cost more than threads that are few.
 */
const hardwareCuts: ReadonlyArray<{ name: string } & Partial<DeviceProfile['matmul']>> = [
  { name: 'all wide', split: [wide] },
  { name: 'unsplit', split: undefined },
  { name: 'unsplit subgroups', split: undefined, subgroups: true },
  { name: 'all narrow', split: [{ ...narrow, upTo: Number.POSITIVE_INFINITY }] },
  { name: 'no prefill tile', prefill: undefined },
]

/**
 * The default, and then what else is worth trying, likely ones first. On a CPU nothing is: there each cut takes seconds
 * to compile, and the default was measured on that very adapter.
 */
export function deviceCuts({ isSoftware, device }: Pick<Gpu, 'isSoftware' | 'device'>): [Cut, ...Cut[]] {
  const hasSubgroups = device.features.has('subgroups')
  if (isSoftware) {
    const { matmul } = software
    return [{ name: 'software', matmul: { ...matmul, subgroups: matmul.subgroups && hasSubgroups } }]
  }
  const others = hardwareCuts.filter(({ subgroups }) => hasSubgroups || !subgroups)
  return [
    { name: 'hardware', ...hardware },
    ...others.map(({ name, ...matmul }) => ({ name, matmul: { ...hardware.matmul, ...matmul } })),
  ]
}

export const deviceProfile = (gpu: Pick<Gpu, 'isSoftware' | 'device'>): DeviceProfile => deviceCuts(gpu)[0]
