/** Log-probabilities of a step as shaders/log-probs.wgsl leaves them: read back in steps that want them only. */
import type { Pass, Sequence, Verdict } from '@foretoken/scheduler'

/** Most likely tokens that a request may ask for. */
export const MAX_TOP_LOG_PROBS = 20
/** Log-probability of the token drawn, 0, then pairs of token and log-probability. */
export const LOG_PROB_WORDS = 2 + 2 * MAX_TOP_LOG_PROBS

export interface LogProb {
  token: number
  logProb: number
}

/** Of a token drawn, and of the most likely ones, best first. */
export interface TokenLogProbs extends LogProb {
  top: LogProb[]
}

/** Never a draft pass: only what is committed has log-probabilities. */
export function wantsLogProbs({ verdicts }: Pass): boolean {
  return verdicts.some(({ sequence }) => sequence.request.logProbs !== undefined)
}

export class LogProbReadback {
  readonly #source: GPUBuffer // [samples, LOG_PROB_WORDS]
  readonly #staging: GPUBuffer

  constructor(source: GPUBuffer, staging: GPUBuffer) {
    this.#source = source
    this.#staging = staging
  }

  copy(encoder: GPUCommandEncoder, pass: Pass): void {
    if (!wantsLogProbs(pass)) return
    encoder.copyBufferToBuffer(this.#source, 0, this.#staging, 0, pass.samples.length * LOG_PROB_WORDS * 4)
  }

  /** After the step's submit. */
  async read(pass: Pass, verdicts: readonly Verdict[]): Promise<Map<Sequence, TokenLogProbs[]>> {
    const results = new Map<Sequence, TokenLogProbs[]>()
    if (!wantsLogProbs(pass)) return results
    await this.#staging.mapAsync(GPUMapMode.READ)
    const words = new Uint32Array(this.#staging.getMappedRange())
    for (const [i, { sequence, firstSample }] of pass.verdicts.entries()) {
      const numTop = sequence.request.logProbs
      if (numTop === undefined) continue
      const ofToken = (token: number, j: number) => readLogProbs(words, firstSample + j, token, numTop)
      results.set(sequence, verdicts[i]!.tokens.map(ofToken))
    }
    this.#staging.unmap()
    return results
  }
}

function readLogProbs(words: Uint32Array, sample: number, token: number, numTop: number): TokenLogProbs {
  const own = words.subarray(sample * LOG_PROB_WORDS, (sample + 1) * LOG_PROB_WORDS)
  const floats = new Float32Array(own.buffer, own.byteOffset, own.length)
  const top = Array.from({ length: numTop }, (_, i) => ({
    token: own[2 + 2 * i]!,
    logProb: floats[3 + 2 * i]!,
  }))
  return { token, logProb: floats[0]!, top }
}
