import type { Preflight } from 'foretoken'
import { expect, it } from 'vitest'
import { preflightText } from './preflight-text.ts'

const found: Preflight = {
  architecture: 'llama',
  name: 'small',
  format: 'q8_0',
  parameters: 1e6,
  draft: null,
  downloadBytes: 1_262_000_000,
  gpuBytes: { weights: 1_200_000_000, kv: 100_000_000, work: 50_000_000, total: 1_350_000_000 },
  contextLength: 4096,
  kvBytesPerPosition: 100,
  fits: true,
  largestContextThatFits: 4096,
}
const draft = { name: 'tiny', architecture: 'llama', format: 'q8_0', parameters: 1e5 }

it('tells what a model takes', () => {
  const text = '1.26 GB of files, 1.35 GB of graphics memory for 4,096 tokens. Fits this device.'
  expect(preflightText(found)).toBe(text)
  const same = { ...draft, vocabulary: { sameIds: true, commonTokens: 9000, share: 1 } }
  expect(preflightText({ ...found, draft: same })).toBe(text)
  const other = { ...draft, vocabulary: { sameIds: false, commonTokens: 35_210, share: 0.716 } }
  expect(preflightText({ ...found, draft: other })).toBe(
    `${text} Model and draft have 35,210 tokens in common, 72 % of the smaller vocabulary.`,
  )
})

it('tells why one does not fit, and what would', () => {
  const not = { ...found, fits: false, reason: '"KV 0" needs 2 bytes; there is 1.' }
  expect(preflightText({ ...not, largestContextThatFits: 1024 })).toBe(
    '1.26 GB of files. Does not fit this device: "KV 0" needs 2 bytes; there is 1. 1,024 tokens would fit.',
  )
  expect(preflightText({ ...not, largestContextThatFits: 0 })).toMatch(/there is 1\.$/)
})
