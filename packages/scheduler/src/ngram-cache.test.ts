import { describe, expect, it } from 'vitest'
import { LAX, NgramCache, STRICT } from './ngram-cache'

const learned = (...texts: number[][]): NgramCache => {
  const cache = new NgramCache()
  for (const text of texts) cache.learn(text, text.length)
  return cache
}

describe('NgramCache', () => {
  it('asks for as many samples and as clear a majority as llama.cpp does', () => {
    // The one 4-gram was followed by 5 once: enough for this text, not for others.
    const once = learned([1, 2, 3, 4, 5])
    expect(once.next([1, 2, 3, 4], LAX)).toBe(5)
    expect(once.next([1, 2, 3, 4], STRICT)).toBeUndefined()
    expect(learned([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]).next([1, 2, 3, 4], STRICT)).toBe(5)
    // A single token needs two samples of which two thirds agree.
    expect(once.next([4], LAX)).toBeUndefined()
    expect(learned([4, 5], [4, 5]).next([4], LAX)).toBe(5)
    expect(learned([4, 5], [4, 5], [4, 6], [4, 6]).next([4], LAX)).toBeUndefined()
    expect(learned([4, 5], [4, 5], [4, 5], [4, 6]).next([4], STRICT)).toBe(5)
    expect(learned([4, 5], [4, 5], [4, 6], [4, 5], [4, 6]).next([4], STRICT)).toBeUndefined()
  })

  it('prefers the longest n-gram, and falls back where it is unknown', () => {
    const cache = learned([9, 1, 5], [9, 1, 5], [8, 1, 6], [8, 1, 6], [7, 1, 6], [7, 1, 6])
    expect(cache.next([9, 1], LAX)).toBe(5)
    expect(cache.next([3, 1], LAX)).toBe(6)
    expect(cache.next([3], LAX)).toBeUndefined()
  })

  it('learns the last tokens only, each behind those before them', () => {
    const cache = new NgramCache()
    cache.learn([1, 2, 3, 4], 1)
    expect(cache.next([1, 2, 3], LAX)).toBe(4)
    expect(cache.next([1, 2], LAX)).toBeUndefined()
    expect(cache.numLearned).toBe(1)
  })

  it('forgets the n-grams that it has not seen for longest, and the rarest of many continuations', () => {
    const cache = new NgramCache(2)
    cache.learn([1, 5], 1)
    cache.learn([2, 6], 1)
    cache.learn([1, 5], 1)
    cache.learn([3, 7], 1)
    expect(cache.size).toBe(2)
    expect(cache.next([1], LAX)).toBe(5)
    expect(cache.next([2], { minSamples: [1], minPercent: [1] })).toBeUndefined()
    const wide = new NgramCache()
    for (let token = 0; token < 50; token++) wide.learn([1, token], 1)
    wide.learn([1, 49], 1)
    expect(wide.entries()[0]![1].length).toBe(8)
    expect(wide.next([1], { minSamples: [1], minPercent: [1] })).toBe(49)
  })

  it('comes back from what was stored, and is empty once cleared', () => {
    const cache = learned([1, 2, 3, 4, 5])
    const copy = new NgramCache()
    copy.restore(structuredClone(cache.entries()))
    expect(copy.next([1, 2, 3, 4], LAX)).toBe(5)
    copy.clear()
    expect([copy.size, copy.next([1, 2, 3, 4], LAX)]).toEqual([0, undefined])
  })
})
