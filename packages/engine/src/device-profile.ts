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
  /** Groups of 16 columns that are staged together: 1 or 2. */
  slice: number
}

/** A tile of matmul-split.wgsl. */
export interface SplitTile extends MatmulTile {
  /** Groups of 16 columns in a round, at most: 1, 2 or 4. */
  ahead: number
}

/** How matmul-split.wgsl is cut, whose threads share K: wide matrices have threads enough for some waste. */
export interface Split {
  narrow: SplitCut
  wide: SplitCut
  /** Outputs of a wide matrix, at least. */
  wideFrom: number
}

interface SplitCut {
  /** Threads side by side. */
  lanes: number
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
    /** In place of these tiles. */
    split?: Split | undefined
    /** Takes more rows than the tiles have, where holding unpacked weights is cheap. */
    passing?: PassingRows
    /** Where passes of more than DECODE_ROWS rows are faster so than by the tiles above. */
    prefill?: PrefillTile | undefined
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
 * memory is memory like any other, so it has no prefill tile. Beyond 5 rows a tile is little faster than rows that pass
 * by (a tenth at 6 and 8), ends in a cliff, and takes more than a second to compile.
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
    ],
    passing: { rows: 32, outputs: 8, held: 2 },
  },
}

/**
 * Many threads in flight hide the memory's latency: K is shared by up to 16 of them, and each asks ahead. Measured on an
 * H100 (issue 4): narrow tiles of few threads where a matrix has few outputs, so that all of the GPU has some.
 */
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
    split: {
      narrow: {
        lanes: 8,
        tiles: [
          { rows: 1, outputs: 1, ahead: 4 },
          { rows: 2, outputs: 2, ahead: 4 },
          { rows: 4, outputs: 2, ahead: 4 },
        ],
      },
      wide: {
        lanes: 16,
        tiles: [
          { rows: 1, outputs: 2, ahead: 2 },
          { rows: 2, outputs: 2, ahead: 2 },
          { rows: 4, outputs: 2, ahead: 2 },
          { rows: 8, outputs: 2, ahead: 1 },
        ],
      },
      wideFrom: 5120,
    },
    // 256 threads and 8.5 KiB, within what WebGPU guarantees; 48 sums per thread, which a small GPU can hold as well.
    prefill: { rows: 64, outputs: 64, threadRows: 4, threadOutputs: 4, slice: 1 },
  },
}

const splitFrom = (wideFrom: number): Split => ({ ...hardware.matmul.split!, wideFrom })

/**
 * What may be faster than `hardware` on some device. The unsplit ones are for devices on which threads that wait for
 * one another cost more than threads that are few.
 */
const hardwareCuts: ReadonlyArray<{ name: string } & Partial<DeviceProfile['matmul']>> = [
  { name: 'all wide', split: splitFrom(0) },
  { name: 'unsplit', split: undefined },
  { name: 'unsplit subgroups', split: undefined, subgroups: true },
  { name: 'all narrow', split: splitFrom(Number.POSITIVE_INFINITY) },
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
