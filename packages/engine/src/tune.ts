/**
 * Which way of cutting products up is the fastest on this device, for this model: measured at load on the model's own
 * largest matrices, and remembered. No cut can change a bit (device-profile.ts), so the choice may differ from visit
 * to visit.
 */
import { paddedColumns } from '@foretoken/weights'
import { type Command, parts } from './command'
import { loadCut, saveCut } from './cost-store'
import type { Cut, DeviceProfile } from './device-profile'
import type { Gpu } from './gpu'
import type { Activations, Numerics } from './llama-buffers'
import { type MatmulKernels, Matmuls } from './matmuls'
import type { LayerWeights } from './model-weights'
import type { Resident } from './resident'
import { timePass } from './timed-pass'
import type { EngineStats } from './types'

export type Tuning = EngineStats['tuning']

export interface Tuned {
  cut: Cut
  tuning: Tuning
}

/** Milliseconds: of a plain step's products, of those that verify a draft, of a prompt's. */
export type CutTimes = readonly [one: number, few: number, many: number]

const TUNING_MS = 1000
/** A faster cut is faster by so much: less may be noise, and the default stands. */
const MARGIN = 0.97
/** A prompt is computed once. */
const WEIGHTS: CutTimes = [1, 1, 0.5]

/** The cut of an earlier visit, or the best that is found now within about a second. */
export async function tune(
  timer: CutTimer,
  cuts: readonly [Cut, ...Cut[]],
  key: string,
  budgetMs = TUNING_MS,
): Promise<Tuned> {
  const name = cuts.length > 1 ? await loadCut(key) : undefined
  const stored = cuts.find(cut => cut.name === name)
  if (stored) return { cut: stored, tuning: { cut: stored.name, from: 'stored' } }
  const { cut, from } = await fastestCut(cuts, each => timer.time(each), budgetMs)
  timer.clear()
  if (from === 'measured') await saveCut(key, cut.name)
  return { cut, tuning: { cut: cut.name, from } }
}

/**
 * The best of `cuts`, the first of which is the default. Stops before one that would take longer than the budget has
 * left, going by the slowest so far: compiling is most of it. A cut that the device refuses is no candidate.
 */
export async function fastestCut(
  cuts: readonly [Cut, ...Cut[]],
  timesOf: (cut: Cut) => Promise<CutTimes>,
  budgetMs: number,
  now: () => number = () => performance.now(),
): Promise<{ cut: Cut; from: 'default' | 'measured' }> {
  const begin = now()
  const [first, ...others] = cuts
  if (others.length === 0) return { cut: first, from: 'default' }
  const defaultTimes = await timesOf(first)
  let slowestMs = now() - begin
  let best = { cut: first, cost: cost(defaultTimes, defaultTimes) * MARGIN }
  let numTried = 0
  for (const cut of others) {
    const start = now()
    if (start - begin + slowestMs > budgetMs) break
    const times = await timesOf(cut).catch(() => undefined)
    slowestMs = Math.max(slowestMs, now() - start)
    if (!times) continue
    numTried++
    const own = cost(times, defaultTimes)
    if (own < best.cost) best = { cut, cost: own }
  }
  return { cut: best.cut, from: numTried === 0 ? 'default' : 'measured' }
}

/** Of what a faster way takes; less may be noise. */
export const isFaster = (speedup: number): boolean => speedup * MARGIN > 1

/** How much faster the second times are. */
export const speedupOf = (times: CutTimes, others: CutTimes): number =>
  cost(times, times) / cost(others, times)

const cost = (times: CutTimes, beside: CutTimes): number =>
  times.reduce((sum, ms, i) => sum + (WEIGHTS[i]! * ms) / beside[i]!, 0)

/** Rows of a pass: a plain step, one that verifies, a prompt. */
const TRIED_ROWS = [1, 8, 64] as const
/** Of a timed pass: browsers tell by the millisecond that it has ended. */
const PASS_MS = 20
const MAX_REPEATS = 64

/** Times the feed-forward matrices of all layers, which no cache holds where that matters, cut in some way. */
export class CutTimer {
  constructor(
    readonly gpu: Gpu,
    readonly kernels: MatmulKernels,
    readonly layers: readonly LayerWeights[],
    readonly resident: Resident,
    readonly activations: Activations,
    readonly quantised?: GPUBuffer | undefined,
  ) {}

  async time({ matmul }: Cut, numerics: Numerics = 'exact'): Promise<CutTimes> {
    const quantised = numerics === 'fast' ? this.quantised : undefined
    const profile = { matmul: onlyTimed(matmul) }
    const matmuls = new Matmuls(this.gpu, this.kernels, this.resident, profile, quantised)
    const { normed, gated } = this.activations
    // Zeros would be cheap to multiply on some devices.
    for (const x of [normed, gated]) this.gpu.device.queue.writeBuffer(x, 0, wave(x.size / 4))
    const commands = this.layers.flatMap(layer => this.#feedForward(matmuls, layer))
    const ready = (await Promise.all(commands)).flat()
    const times: number[] = []
    for (const rows of TRIED_ROWS) times.push(await this.#time(ready, rows))
    const [one, few, many] = times
    return [one!, few!, many!]
  }

  /** Padding of activations is zero, and stays so. */
  clear(): void {
    const encoder = this.gpu.device.createCommandEncoder()
    const { normed, gated, hidden } = this.activations
    for (const buffer of [normed, gated, hidden]) encoder.clearBuffer(buffer)
    this.gpu.device.queue.submit([encoder.finish()])
  }

  #feedForward(matmuls: Matmuls, { gate, up, down }: LayerWeights): Array<Promise<Command | Command[]>> {
    const { normed, gated, hidden } = this.activations
    const [first, second, third] = [gate.parts[0]!, up.parts[0]!, down.parts[0]!]
    const isPaired = first.quants === second.quants
    return [
      matmuls.quantise(normed, [gate]),
      matmuls.command(first, normed, gated, {
        stride: paddedColumns(gate.rows),
        ...(isPaired ? { second } : {}),
      }),
      matmuls.quantise(gated, [down]),
      matmuls.command(third, gated, hidden, { stride: paddedColumns(down.rows), epilogue: 'add' }),
    ]
  }

  async #time(commands: readonly Command[], rows: number): Promise<number> {
    const { gpu, resident } = this
    const numRows = Math.min(rows, resident.sizes.maxRows)
    gpu.device.queue.writeBuffer(resident.step, 0, new Uint32Array([numRows, numRows]))
    const run = (repeats: number): Promise<number> =>
      timePass(gpu, undefined, pass => {
        for (let i = 0; i < repeats; i++) for (const command of commands) encode(pass, command, numRows)
      })
    // The first pass of a pipeline pays for what the driver does lazily.
    await run(1)
    const repeats = Math.min(MAX_REPEATS, Math.ceil(PASS_MS / (await run(1))))
    return Math.min(await run(repeats), await run(repeats)) / repeats
  }
}

/** Only what is timed is compiled: the first tile, for one row, and the last. */
function onlyTimed(matmul: DeviceProfile['matmul']): DeviceProfile['matmul'] {
  const ends = <T>(tiles: readonly T[]): T[] => tiles.filter((_, i) => i === 0 || i === tiles.length - 1)
  const split = matmul.split?.map(cut => ({ ...cut, tiles: ends(cut.tiles) }))
  return { ...matmul, tiles: ends(matmul.tiles), split }
}

function encode(pass: GPUComputePassEncoder, command: Command, numRows: number): void {
  for (const { variant, tiles, isTail } of parts(command, numRows)) {
    pass.setPipeline(variant.pipeline)
    pass.setBindGroup(0, isTail ? command.tailBindGroup! : command.bindGroup, [0])
    pass.dispatchWorkgroups(...variant.grid(tiles))
  }
}

/** As much as the rows that are timed may take. */
const MOST_FLOATS = 2 ** 20
const wave = (length: number): Float32Array<ArrayBuffer> =>
  new Float32Array(Math.min(length, MOST_FLOATS)).map((_, i) => Math.sin(i))
