/**
 * Parity with llama.cpp's CPU engine (DESIGN.md section 8). Its golden file was made with f16 keys and values; for
 * f32 weights the probabilities are therefore held against llama.cpp with f32 keys and values as well.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import exact from '../fixtures/llama-cpp-f32-kv.json'
import { Engine, sharedDevice } from './index'

/** The five most likely ids with their probabilities, at each of the first steps. */
type Top = Array<Array<[number, number]>>

interface Case {
  model: string
  prompt: string
  promptTokens: number[]
  tokens: number[]
  top: Top
}

const shared = import.meta.env.VITE_SHARED
const cases: Case[] = shared ? (await (await fetch(`${shared}/golden/stories260K.json`)).json()).cases : []

/** Of probabilities. q8_0 and q4_0: llama.cpp also quantises activations. f32: what f16 keys and values move. */
const tolerance: Record<string, number> = { f32: 2e-3, f16: 1e-2, q8_0: 0.05, q4_0: 0.05 }
const exactTolerance = 1e-4

const formatOf = (model: string): string => model.replace(/.*-|\.gguf/g, '')

describe.skipIf(cases.length === 0)('llama.cpp parity (needs ../shared)', () => {
  for (const model of new Set(cases.map(c => c.model))) {
    describe(model, () => {
      let engine: Engine
      beforeAll(async () => {
        const url = new URL(`${shared}/models/${model}`, location.href)
        engine = await Engine.load({ model: url, kvType: 'f32' }, { device: await sharedDevice() })
      })
      afterAll(() => engine.dispose())

      for (const golden of cases.filter(c => c.model === model)) {
        it(`agrees on "${golden.prompt.slice(0, 30)}…"`, async () => {
          expect(engine.tokenize(golden.prompt)).toEqual(golden.promptTokens)
          const ours = await probabilities(engine, golden)
          expect(worstError(ours, golden.top)).toBeLessThan(tolerance[formatOf(model)]!)
          if (formatOf(model) !== 'f32') return

          const { top } = exact.cases.find(c => c.prompt === golden.prompt)!
          expect(worstError(ours, top as Top)).toBeLessThan(exactTolerance)
          const count = Math.min(64, golden.tokens.length)
          const ids: number[] = []
          for await (const { tokens } of engine.generate({ prompt: golden.prompt, maxTokens: count })) {
            ids.push(...tokens)
          }
          expect(ids).toEqual(golden.tokens.slice(0, count))
        })
      }
    })
  }
})

/** Our probabilities at each step along llama.cpp's ids. */
async function probabilities(engine: Engine, { promptTokens, tokens, top }: Case): Promise<Float64Array[]> {
  const { logits, vocab } = await engine.forward([...promptTokens, ...tokens.slice(0, top.length - 1)])
  return top.map((_, step) => {
    const row = promptTokens.length - 1 + step
    return softmax(logits.subarray(row * vocab, (row + 1) * vocab))
  })
}

function worstError(ours: readonly Float64Array[], top: Top): number {
  return Math.max(...top.flatMap((best, step) => best.map(([id, p]) => Math.abs(ours[step]![id]! - p))))
}

function softmax(logits: Float32Array): Float64Array {
  const max = logits.reduce((a, b) => Math.max(a, b))
  const weights = Float64Array.from(logits, logit => Math.exp(logit - max))
  const sum = weights.reduce((a, b) => a + b)
  return weights.map(weight => weight / sum)
}
