/** Parity with llama.cpp's CPU engine (DESIGN.md section 8). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Engine } from './index'

interface Case {
  model: string
  prompt: string
  promptTokens: number[]
  tokens: number[]
  /** The five most likely ids with their probabilities, at each of the first steps. */
  top: Array<Array<[number, number]>>
}

const shared = import.meta.env.VITE_SHARED
const cases: Case[] = shared ? (await (await fetch(`${shared}/golden/stories260K.json`)).json()).cases : []

/** f16: its CPU path rounds activations to f16; q8_0 and q4_0: it quantises them. */
const tolerance: Record<string, number> = { f32: 1e-3, f16: 1e-2, q8_0: 0.05, q4_0: 0.05 }

const formatOf = (model: string): string => model.replace(/.*-|\.gguf/g, '')

function softmax(logits: Float32Array): Float64Array {
  const max = logits.reduce((a, b) => Math.max(a, b))
  const weights = Float64Array.from(logits, logit => Math.exp(logit - max))
  const sum = weights.reduce((a, b) => a + b)
  return weights.map(weight => weight / sum)
}

describe.skipIf(cases.length === 0)('llama.cpp parity (needs ../shared)', () => {
  for (const model of new Set(cases.map(c => c.model))) {
    describe(model, () => {
      let engine: Engine
      beforeAll(async () => {
        engine = await Engine.load({
          model: new URL(`${shared}/models/${model}`, location.href),
          kvType: 'f32',
        })
      })
      afterAll(() => engine.dispose())

      for (const golden of cases.filter(c => c.model === model)) {
        it(`agrees on "${golden.prompt.slice(0, 30)}…"`, async () => {
          expect(engine.tokenize(golden.prompt)).toEqual(golden.promptTokens)
          const steps = golden.top.length
          const { logits, vocab } = await engine.forward([
            ...golden.promptTokens,
            ...golden.tokens.slice(0, steps - 1),
          ])
          let worst = 0
          golden.top.forEach((top, step) => {
            const row = golden.promptTokens.length - 1 + step
            const probabilities = softmax(logits.subarray(row * vocab, (row + 1) * vocab))
            for (const [id, p] of top) worst = Math.max(worst, Math.abs(probabilities[id]! - p))
          })
          expect(worst).toBeLessThan(tolerance[formatOf(model)]!)

          if (formatOf(model) !== 'f32') return
          const count = Math.min(64, golden.tokens.length)
          const ids: number[] = []
          for await (const { tokens } of engine.generate({ prompt: golden.prompt, maxTokens: count }))
            ids.push(...tokens)
          expect(ids).toEqual(golden.tokens.slice(0, count))
        })
      }
    })
  }
})
