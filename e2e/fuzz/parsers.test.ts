/**
 * Broken headers and tokenizers: an EngineError or a valid model, in time and in memory. A share of the runs with
 * every test; `npm run fuzz` does 100,000 of each kind.
 */

import { getHeapStatistics } from 'node:v8'
import { isEngineError } from '@foretoken/errors'
import { type Tokenizer, tokenizerFromGguf, tokenizerFromJson } from '@foretoken/tokenizer'
import { GgufReader, SafetensorsReader } from '@foretoken/weights'
import { describe, expect, test } from 'vitest'
import { Mutator } from './mutator'
import { ggufSeeds, safetensorsFile, safetensorsSeed, tokenizerSeeds } from './seeds'

const numRuns = Number(process.env.FORETOKEN_FUZZ ?? 1500)
const maxMs = 1000
const maxExtraBytes = 64 * 2 ** 20

const heapBytes = () => {
  const { used_heap_size: used, external_memory: external } = getHeapStatistics()
  return used + external
}

/** What came of the runs, of which none may break a rule. */
interface Tally {
  valid: number
  refused: number
  slowestMs: number
  mostBytes: number
}

/** `read` makes a model of what `input` gives, or throws an EngineError; it gives the input's bytes back. */
async function fuzz<T>(
  input: (mutator: Mutator) => T,
  bytesOf: (input: T) => number,
  read: (input: T) => unknown,
) {
  const tally: Tally = { valid: 0, refused: 0, slowestMs: 0, mostBytes: 0 }
  for (let seed = 0; seed < numRuns; seed++) {
    const broken = input(new Mutator(seed))
    const startBytes = heapBytes()
    const startMs = performance.now()
    const error = await Promise.resolve(broken)
      .then(read)
      .then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
    const ms = performance.now() - startMs
    const extraBytes = heapBytes() - startBytes - bytesOf(broken)
    if (error === undefined) tally.valid++
    else tally.refused++
    tally.slowestMs = Math.max(tally.slowestMs, ms)
    tally.mostBytes = Math.max(tally.mostBytes, extraBytes)
    const isRight = (error === undefined || isEngineError(error)) && ms < maxMs && extraBytes < maxExtraBytes
    expect(isRight || { seed, error, ms, extraBytes }).toBe(true)
  }
  return tally
}

/** A tokenizer that was not refused works. */
function use(tokenizer: Tokenizer): void {
  const ids = tokenizer.encode('Hi <s> a  b\n世界 <|im_end|>', { special: true })
  tokenizer.decode(ids)
}

async function readGguf(file: Uint8Array<ArrayBuffer>): Promise<void> {
  const reader = await GgufReader.open(new Blob([file]))
  for await (const _ of reader.rows());
  if (reader.metadata.has('tokenizer.ggml.model')) use(tokenizerFromGguf(reader.metadata))
}

async function readSafetensors(file: Uint8Array<ArrayBuffer>): Promise<void> {
  const reader = await SafetensorsReader.open(new Blob([file]))
  for await (const _ of reader.rows());
}

const byteLength = (file: Uint8Array) => file.length

/** Both outcomes were met, or the mutator does not do its work. */
function expectBoth(tally: Tally): void {
  console.info(JSON.stringify({ ...tally, numRuns }))
  expect(Math.min(tally.valid, tally.refused)).toBeGreaterThan(0)
}

describe(`${numRuns} broken files of each kind are refused or read`, {
  timeout: numRuns * 60 + 10_000,
}, () => {
  test('GGUF', async () => {
    const seeds = ggufSeeds()
    expectBoth(await fuzz(mutator => mutator.bytes(mutator.pick(seeds)), byteLength, readGguf))
  })

  test('safetensors', async () => {
    const { header, dataBytes } = safetensorsSeed
    const whole = safetensorsFile(JSON.stringify(header), dataBytes)
    const input = (mutator: Mutator) =>
      mutator.below(3) === 0
        ? mutator.bytes(whole)
        : Uint8Array.from(safetensorsFile(mutator.json(header), dataBytes))
    expectBoth(await fuzz(input, byteLength, readSafetensors))
  })

  test('tokenizer.json', async () => {
    const seeds = tokenizerSeeds()
    const input = (mutator: Mutator) => {
      const { tokenizer, config } = mutator.pick(seeds)
      const texts = { tokenizer: JSON.stringify(tokenizer), config: JSON.stringify(config) }
      return mutator.below(5) === 0
        ? { ...texts, config: mutator.json(config) }
        : { ...texts, tokenizer: mutator.json(tokenizer) }
    }
    const length = (files: { tokenizer: string; config: string }) =>
      files.tokenizer.length + files.config.length
    expectBoth(await fuzz(input, length, files => use(tokenizerFromJson(files))))
  })
})
