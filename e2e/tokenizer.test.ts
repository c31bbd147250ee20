/** Tokenizer and model files together: the ids that llama.cpp gives. */
import { existsSync, readFileSync } from 'node:fs'
import { tokenizerFromGguf, vocabularyDifference } from '@foretoken/tokenizer'
import { GgufReader } from '@foretoken/weights'
import { describe, expect, test } from 'vitest'

const shared = new URL('../../shared/', import.meta.url)
const isThere =
  existsSync(new URL('golden/stories260K.json', shared)) && existsSync(new URL('models/', shared))

describe.skipIf(!isThere)('stories260K of ../shared (skipped where it is missing)', () => {
  const open = async (name: string) => {
    const file = new Blob([readFileSync(new URL(`models/${name}.gguf`, shared))])
    return tokenizerFromGguf((await GgufReader.open(file)).metadata)
  }

  test('prompts have the ids of llama.cpp, and its text comes back', async () => {
    const tokenizer = await open('stories260K-f32')
    const { cases } = JSON.parse(readFileSync(new URL('golden/stories260K.json', shared), 'utf8'))
    for (const { prompt, promptTokens, tokens, text } of cases) {
      expect(tokenizer.encode(prompt)).toEqual(promptTokens)
      expect(tokenizer.decode(promptTokens)).toBe(` ${prompt}`)
      expect(tokenizer.decode(tokens).trim()).toBe(text.trim())
    }
    expect(cases.length).toBeGreaterThan(0)
    expect(tokenizer.endIds).toEqual([2])
  })

  test('its draft model has the same vocabulary', async () => {
    expect(vocabularyDifference(await open('stories260K-f32'), await open('stories40K-f32'))).toBeUndefined()
  })
})
