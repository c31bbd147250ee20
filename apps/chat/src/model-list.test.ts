import { expect, it } from 'vitest'
import { isAlike, type ListedFile, modelList } from './model-list.ts'

const architectures = ['llama', 'qwen2', 'qwen3', 'smollm3', 'phi3', 'gemma2', 'gemma3']

const files = modelList.flatMap(({ draft, ...model }) => [model, ...(draft ? [draft] : [])])

it('offers at least ten models of the Hub with a draft, the bundled one first', () => {
  expect(modelList[0]!.model).toBe('bundled')
  expect(modelList.filter(({ draft }) => draft).length).toBeGreaterThanOrEqual(10)
})

it('names each of them once, by an architecture that runs', () => {
  const names = modelList.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  for (const { name, architecture, note } of modelList) {
    expect(architectures, name).toContain(architecture)
    expect(note, name).toMatch(/\.$/)
  }
  // One of each.
  expect(new Set(modelList.map(({ architecture }) => architecture))).toEqual(new Set(architectures))
})

it('names files of the Hub as the Hub does, each with one size and one vocabulary', () => {
  const known = new Map<string, Omit<ListedFile, 'name'>>()
  for (const { name, model, vocabulary, megabytes } of files) {
    if (model === 'bundled') continue
    expect(model, name).toEqual({
      repo: expect.stringMatching(/^[\w-]+\/[\w.-]+$/),
      file: expect.stringMatching(/^[\w.-]+\.gguf$/),
    })
    expect(megabytes, name).toBeGreaterThan(0)
    const key = JSON.stringify(model)
    const facts = { model, vocabulary, megabytes }
    expect(known.get(key) ?? facts).toEqual(facts)
    known.set(key, facts)
  }
})

it('gives each a draft that is smaller by half at least', () => {
  for (const { name, draft, megabytes } of modelList) {
    if (draft) expect(draft.megabytes, name).toBeLessThanOrEqual(megabytes / 2)
  }
})

it('gives most of them a draft of the same vocabulary', () => {
  const pairs = modelList.filter(({ draft }) => draft)
  expect(pairs.filter(isAlike).length).toBeGreaterThan(pairs.length / 2)
})
