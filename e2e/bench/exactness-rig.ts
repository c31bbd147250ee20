/** Runs requests in every mode and compares their ids with those of speculation off, alone. */
import { Engine, type GenerateOptions, type Speculation, sharedDevice } from '@foretoken/engine'
import {
  type Choice,
  everywhere,
  GoodputPolicy,
  type Guess,
  type Policy,
  type Sequence,
} from '@foretoken/scheduler'
import grammars from '@mlc-ai/web-xgrammar?url'

/** How a run guesses. `guess` stands in for prompt lookup, `policy` for the controller. */
export interface Mode {
  name: string
  speculation: Speculation
  guess?: (expected: readonly number[], sequence: Sequence, depth: number) => Guess
  policy?: (step: number) => Choice
}

/** How tokens are drawn. Temperature and seed tell the samplings of a bench apart. */
export interface Sampling
  extends Pick<
    GenerateOptions,
    'repetitionPenalty' | 'presencePenalty' | 'frequencyPenalty' | 'logitBias' | 'topK' | 'grammar'
  > {
  temperature: number
  seed: number
}

/** A model and what drafts for it. */
export interface Family {
  format: string
  model: URL
  drafts: URL[]
  heads?: URL
  numerics?: 'fast'
}

export interface Run {
  tokens: number[]
  finishReason: string | undefined
  numDrafted: number
  numAccepted: number
}

export class ExactnessRig {
  /** Ids with speculation off, alone, by prompt and sampling. */
  readonly #references = new Map<string, { tokens: number[]; hasEnded: boolean }>()
  #mode: Mode | undefined
  #numDecisions = 0

  private constructor(readonly engine: Engine) {}

  /** `small`: a short context, and KV blocks for two of sixteen requests. */
  static async load(
    { model, drafts, heads, numerics }: Family,
    small?: { contextLength: number },
  ): Promise<ExactnessRig> {
    let rig: ExactnessRig | undefined
    const goodput = new GoodputPolicy()
    const policy: Policy = {
      choose: situation => {
        const ordered = rig?.choose()
        return ordered ? everywhere(situation, ordered) : goodput.choose(situation)
      },
    }
    const engine = await Engine.load(
      {
        model,
        draft: drafts,
        ...(heads ? { heads } : {}),
        ...(numerics ? { numerics } : {}),
        maxConcurrent: small ? 16 : 4,
        trees: true,
        ngramCache: { name: 'exactness' },
        grammars,
        ...small,
      },
      {
        device: await sharedDevice(),
        guess: (sequence, depth) => rig?.guess(sequence, depth),
        policy,
        trustFast: true,
        ...(small ? { maxBlocks: 2 * Math.ceil(small.contextLength / 64) } : {}),
      },
    )
    rig = new ExactnessRig(engine)
    return rig
  }

  guess(sequence: Sequence, depth: number): Guess | undefined {
    const { temperature, seed } = sequence.request.sampling
    const expected = this.#references.get(keyOf(sequence.request.prompt, { temperature, seed }))
    return expected && this.#mode?.guess?.(expected.tokens, sequence, depth)
  }

  choose(): Choice | undefined {
    return this.#mode?.policy?.(this.#numDecisions++)
  }

  async reference(prompt: string, sampling: Sampling, maxTokens: number): Promise<number[]> {
    const key = keyOf(this.engine.tokenize(prompt), sampling)
    const known = this.#references.get(key)
    if (known && (known.hasEnded || known.tokens.length >= maxTokens)) return known.tokens.slice(0, maxTokens)
    const { tokens, finishReason } = await this.generate({
      prompt,
      ...sampling,
      maxTokens,
      ignoreEos: sampling.grammar === undefined,
      speculation: 'off',
    })
    this.#references.set(key, { tokens, hasEnded: finishReason === 'stop' })
    return tokens
  }

  /** One request in a mode, alone. */
  async run(mode: Mode, options: GenerateOptions, onBatch?: (numTokens: number) => void): Promise<Run> {
    this.#mode = mode
    this.#numDecisions = 0
    try {
      return await this.generate({ ...options, speculation: mode.speculation }, onBatch)
    } finally {
      this.#mode = undefined
    }
  }

  async generate(options: GenerateOptions, onBatch?: (numTokens: number) => void): Promise<Run> {
    const run: Run = { tokens: [], finishReason: undefined, numDrafted: 0, numAccepted: 0 }
    for await (const batch of this.engine.generate(options)) {
      run.tokens.push(...batch.tokens)
      run.finishReason = batch.finishReason
      run.numAccepted += batch.usage?.acceptedTokens ?? 0
      run.numDrafted += batch.usage ? batch.usage.acceptedTokens + batch.usage.rejectedTokens : 0
      onBatch?.(run.tokens.length)
    }
    return run
  }
}

const keyOf = (
  prompt: readonly number[],
  { temperature, seed }: Pick<Sampling, 'temperature' | 'seed'>,
): string => `${temperature}/${seed}/${prompt.join()}`

export const sameIds = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((id, i) => id === b[i])
