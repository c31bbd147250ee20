import { expect, it } from 'vitest'
import { continuations } from './lookup-tree-drafter'

it('merges what followed the longest suffixes, the longest and earliest first', () => {
  //               _______ 5     _______ 6        __ 7
  const tokens = [1, 2, 3, 5, 8, 1, 2, 3, 6, 9, 4, 3, 7, 1, 2, 3]
  const { token, children } = continuations(tokens)
  expect(token).toBe(3)
  expect(children.map(child => child.token)).toEqual([5, 6, 7])
  expect(children[0]!.children.map(child => child.token)).toEqual([8])
})

it('shares what continuations begin with', () => {
  const { children } = continuations([1, 5, 6, 1, 5, 7, 1])
  expect(children).toHaveLength(1)
  expect(children[0]!.children.map(child => child.token)).toEqual([6, 7])
})

it('finds nothing where the last token is new', () => {
  expect(continuations([1, 2, 3]).children).toEqual([])
})
