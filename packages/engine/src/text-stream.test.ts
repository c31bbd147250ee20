import fc from 'fast-check'
import { expect, it } from 'vitest'
import { TextStream } from './text-stream'

/** One token per UTF-16 unit; what is pushed comes out at once. */
const decoder = () => ({ push: (id: number) => String.fromCharCode(id), flush: () => '' })

function run(text: string, stops: readonly string[]): { text: string; stopped: boolean; pieces: string[] } {
  const stream = new TextStream(decoder(), stops)
  const pieces: string[] = []
  for (const unit of text) {
    const { text: piece, stopped } = stream.push(unit.charCodeAt(0))
    pieces.push(piece)
    if (stopped) return { text: pieces.join(''), stopped, pieces }
  }
  const { text: rest, stopped } = stream.flush()
  return { text: pieces.join('') + rest, stopped, pieces }
}

it('finds a stop text across token borders and gives out nothing of it', () => {
  expect(run('one END two', ['END'])).toMatchObject({ text: 'one ', stopped: true })
  expect(run('one EN', ['END'])).toMatchObject({ text: 'one EN', stopped: false })
  expect(run('EEND', ['END'])).toMatchObject({ text: 'E', stopped: true })
  expect(run('abcabd', ['abd', 'xyz'])).toMatchObject({ text: 'abc', stopped: true })
})

it('holds back only what may still become a stop text', () => {
  expect(run('a\nb', ['\n\n']).pieces).toEqual(['a', '', '\nb'])
  expect(run('plain', []).pieces).toEqual([...'plain'])
})

it('cuts at the first stop text, whatever the text', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 40 })
  const stop = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(letters, fc.array(stop, { maxLength: 3 }), (text, stops) => {
      // The stop that is complete first wins; of those that end together, the one that began first.
      const ends = stops.filter(s => text.includes(s)).map(s => text.indexOf(s) + s.length)
      const seen = text.slice(0, Math.min(...ends, text.length))
      const starts = stops.map(s => seen.indexOf(s)).filter(at => at >= 0)
      const expected = starts.length > 0 ? text.slice(0, Math.min(...starts)) : text
      expect(run(text, stops)).toMatchObject({ text: expected, stopped: starts.length > 0 })
    }),
  )
})
