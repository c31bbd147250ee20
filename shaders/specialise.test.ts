import { expect, it } from 'vitest'
import { specialise } from './specialise'

const lines = (...text: string[]) => text.join('\n')

it('replaces the values of const and alias lines, keeping the suffix and what follows', () => {
  const source = lines(
    'const TILE = 1u; // rows',
    'const SCALE = 2;',
    'alias WORD = f32;',
    'const FAST = false;',
    '  const TILE = 3u;',
  )
  expect(specialise(source, { TILE: 8, SCALE: 5, WORD: 'u32', FAST: true })).toBe(
    lines(
      'const TILE = 8u; // rows',
      'const SCALE = 5;',
      'alias WORD = u32;',
      'const FAST = true;',
      '  const TILE = 3u;',
    ),
  )
})

it('leaves a source without parameters as it is', () => {
  const source = lines('const A = 1u;', 'fn f() { $x } // : for')
  expect(specialise(source, {})).toBe(source)
})

it('refuses a parameter that the kernel lacks', () => {
  expect(() => specialise('const A = 1u;', { B: 2 })).toThrow('B')
})

it('repeats lines, with the default or the given count', () => {
  const source = lines('const N = 2u;', '//: for i in N', 'let a_$i = $iu;', '//: end', 'done')
  expect(specialise(source, {})).toBe(lines('const N = 2u;', 'let a_0 = 0u;', 'let a_1 = 1u;', 'done'))
  expect(specialise(source, { N: 1 })).toBe(lines('const N = 1u;', 'let a_0 = 0u;', 'done'))
  expect(specialise(source, { N: 0 })).toBe(lines('const N = 0u;', 'done'))
})

it('nests loops and choices', () => {
  const source = lines(
    'const R = 2u;',
    'const C = 2u;',
    'const ADD = false;',
    '//: for r in R',
    '//: for c in C',
    '//: if ADD',
    's_$r_$c += w_$r.x;',
    '//: else',
    's_$r_$c = v_$c[$ru];',
    '//: end',
    '//: end',
    '//: end',
  )
  expect(specialise(source, { C: 1 }).split('\n').slice(3)).toEqual(['s_0_0 = v_0[0u];', 's_1_0 = v_0[1u];'])
  expect(specialise(source, { C: 1, ADD: true }).split('\n').slice(3)).toEqual([
    's_0_0 += w_0.x;',
    's_1_0 += w_1.x;',
  ])
})

it('makes a WGSL loop, or none for a single round', () => {
  const source = lines('const N = 4u;', '//: loop i in N', 'a[i];', '//: end')
  const opening = 'for (var i = 0u; i < N; i++) {'
  expect(specialise(source, {})).toBe(lines('const N = 4u;', opening, 'a[i];', '}'))
  expect(specialise(source, { N: 1 })).toBe(lines('const N = 1u;', '{ const i = 0u;', 'a[i];', '}'))
})

it('chooses without an else', () => {
  const source = lines('const A = true;', '//: if A', 'yes', '//: end', 'rest')
  expect(specialise(source, {})).toBe(lines('const A = true;', 'yes', 'rest'))
  expect(specialise(source, { A: false })).toBe(lines('const A = false;', 'rest'))
})

it('refuses a block that never ends', () => {
  expect(() => specialise(lines('const N = 2u;', '//: for i in N', 'x'), {})).toThrow('Line 2')
})

it('repeats as often as constants that are counted from parameters say', () => {
  const source = lines(
    'const A = 3u;',
    'const B = (A * 4u + 1u) / 2u;  // rounded down',
    'const C = B - A % 2u;',
    'const D = max(A, B);',
    'const E = A -;',
    '//: for i in C',
    'x$i',
    '//: end',
    '//: if D',
    'text, and no number',
    '//: end',
    '//: for i in E',
    'never',
    '//: end',
  )
  const repeated = (params: Record<string, number>) => specialise(source, params).split('\n').slice(5)
  expect(repeated({})).toEqual(['x0', 'x1', 'x2', 'x3', 'x4', 'text, and no number'])
  expect(repeated({ A: 1 })).toEqual(['x0', 'text, and no number'])
})
