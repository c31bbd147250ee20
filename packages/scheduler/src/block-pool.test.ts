import fc from 'fast-check'
import { expect, it } from 'vitest'
import { BLOCK_SIZE, BlockPool } from './block-pool'
import { chainHash, type Prefix } from './prefix'

const prefixOf = (tokens: readonly number[], end: number, hash = chainHash(0, tokens, 0, end)): Prefix => ({
  hash,
  tokens,
  end,
})
const tokensOf = (kind: number): number[] => new Array<number>(BLOCK_SIZE).fill(kind)

it('counts holders: for any order of calls all blocks come back', () => {
  const call = fc.record({ kind: fc.nat(3), what: fc.constantFrom('take', 'find', 'publish', 'release') })
  const property = fc.property(fc.array(call, { maxLength: 200 }), calls => {
    const pool = new BlockPool(6)
    const held: Array<{ block: number; kind: number }> = []
    for (const { kind, what } of calls) {
      const prefix = prefixOf(tokensOf(kind), BLOCK_SIZE)
      if (what === 'take') {
        const block = pool.take()
        expect(block === undefined).toBe(new Set(held.map(each => each.block)).size === 6)
        if (block === undefined) continue
        expect(held.map(each => each.block)).not.toContain(block)
        held.push({ block, kind: -1 })
      } else if (what === 'find') {
        const block = pool.find(prefix)
        if (block === undefined) continue
        pool.share(block)
        held.push({ block, kind })
      } else if (what === 'publish') {
        const own = held.find(each => each.kind < 0)
        if (!own) continue
        own.kind = kind
        pool.publish(own.block, prefix)
        expect(pool.find(prefix)).toBeDefined()
      } else {
        const [gone] = held.splice(kind, 1)
        if (gone) pool.release([gone.block])
      }
      expect(pool.numFree).toBe(6 - new Set(held.map(each => each.block)).size)
    }
    pool.release(held.map(({ block }) => block))
    expect(pool.numFree).toBe(6)
    pool.forgetIdle()
    expect([pool.numFree, pool.numIdle]).toEqual([6, 0])
  })
  fc.assert(property)
})

it('keeps what nobody holds until the place is needed, the longest unused goes first', () => {
  const pool = new BlockPool(3)
  const prefixes = [0, 1, 2].map(kind => prefixOf(tokensOf(kind), BLOCK_SIZE))
  const blocks = prefixes.map(prefix => {
    const block = pool.take()!
    pool.publish(block, prefix)
    return block
  })
  // The last block of a sequence goes before its first.
  pool.release([blocks[1]!, blocks[0]!])
  pool.release([blocks[2]!])
  expect(pool.numIdle).toBe(3)
  pool.share(pool.find(prefixes[0]!)!)
  pool.release([blocks[0]!])
  expect(pool.take()).toBe(blocks[1])
  expect(prefixes.map(prefix => pool.find(prefix))).toEqual([blocks[0], undefined, blocks[2]])
})

it('finds a block by its hash and believes only its tokens', () => {
  const pool = new BlockPool(2)
  const block = pool.take()!
  const tokens = [...tokensOf(1), ...tokensOf(2)]
  pool.publish(block, prefixOf(tokens, 2 * BLOCK_SIZE, 7))
  expect(pool.find(prefixOf([...tokens, 9], 2 * BLOCK_SIZE, 7))).toBe(block)
  expect(pool.find(prefixOf([...tokensOf(3), ...tokensOf(2)], 2 * BLOCK_SIZE, 7))).toBeUndefined()
  expect(pool.find(prefixOf(tokens, BLOCK_SIZE, 7))).toBeUndefined()
})
