/** How long commands take by themselves: recorded again and again into one pass, with nothing else in it. */
import type { Step } from '@foretoken/scheduler'
import { packedSize } from '@foretoken/weights'
import { type Command, record } from './command'
import type { Runner } from './runner'
import { timePass } from './timed-pass'
import type { MatrixPart } from './weight-layout'

/** One command of a pass. */
export interface CommandTime {
  label: string
  /** Bytes of the matrices that it reads; 0 where it reads none. */
  weightBytes: number
  /** The fastest of a few measurements: what comes between makes one slower, never faster. */
  ms: number
}

/** Long beside what it takes to start a pass, and beside the millisecond by which browsers tell that it has ended. */
const PASS_MS = 20
/** In one pass at most: encoding one takes the CPU a microsecond or two. */
const MAX_DISPATCHES = 4096
const MEASUREMENTS = 3

/** Measures `commands`, one after the other, over the target pass of a step. */
export class CommandTimer {
  #repeats = 1
  /** So many rounds have MAX_DISPATCHES. */
  #most = 0

  constructor(
    readonly runner: Runner,
    readonly step: Step,
    readonly commands: readonly Command[],
  ) {}

  /**
   * Milliseconds of one round through the commands; 0 where the pass needs none of them. How many rounds make a pass it
   * finds by and by: what an idle device takes at first says little.
   */
  async time(): Promise<number> {
    if (this.#most === 0) {
      const { numDispatches } = await this.#run(1)
      if (numDispatches === 0) return 0
      this.#most = Math.max(1, Math.floor(MAX_DISPATCHES / numDispatches))
    }
    for (;;) {
      const { ms } = await this.#run(this.#repeats)
      if (ms * this.#repeats > PASS_MS / 2 || this.#repeats === this.#most) return ms
      this.#repeats = Math.min(this.#most, Math.ceil(PASS_MS / ms))
    }
  }

  async #run(repeats: number): Promise<{ ms: number; numDispatches: number }> {
    const { gpu, timer, stepData, resident } = this.runner
    const plans = this.runner.plan(this.step)
    const { words, offsets } = stepData.encode(this.step, plans)
    gpu.device.queue.writeBuffer(resident.step, 0, words)
    let numDispatches = 0
    const ms = await timePass(gpu, timer, pass => {
      for (let i = 0; i < repeats; i++) {
        numDispatches += record(pass, this.commands, this.step.targetPass, offsets.at(-1)!, plans.at(-1)!)
      }
    })
    return { ms: ms / repeats, numDispatches }
  }
}

/** All that multiply, one round through them: as in a step, matrices that no cache holds come from memory each time. */
export const timeProducts = (runner: Runner, step: Step, commands: readonly Command[]): Promise<number> =>
  new CommandTimer(
    runner,
    step,
    commands.filter(({ weights }) => weights),
  ).time()

/** Each command alone; those that the pass does not need are left out. */
export async function timeEach(
  runner: Runner,
  step: Step,
  commands: readonly Command[],
): Promise<CommandTime[]> {
  const times: CommandTime[] = []
  for (const command of commands) {
    if (command.when?.(step.targetPass) === false) continue
    const timer = new CommandTimer(runner, step, [command])
    let ms = Number.POSITIVE_INFINITY
    for (let i = 0; i < MEASUREMENTS; i++) ms = Math.min(ms, await timer.time())
    if (ms > 0) times.push({ label: command.label, weightBytes: weightBytes(command), ms })
  }
  return times
}

export const weightBytes = ({ weights = [] }: Command): number =>
  weights.reduce((sum, { format, rows, columns }) => sum + matrixBytes(format, rows, columns), 0)

function matrixBytes(format: MatrixPart['format'], rows: number, columns: number): number {
  const { quantBytes, scaleBytes } = packedSize(format, rows, columns)
  return quantBytes + scaleBytes
}
