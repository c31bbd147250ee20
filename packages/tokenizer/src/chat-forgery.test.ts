import { describe, expect, test } from 'vitest'
import { type FamilyFixture, familyFixtures, ggufMetadata, jsonTokenizer } from './family-fixture'
import type { Tokenizer } from './tokenizer'
import { tokenizerFromGguf } from './tokenizer-gguf'

/** Special tokens that a normaliser makes of other text: a space becomes a mark, a Kelvin sign a K. */
const normalised = ['<｜begin▁of▁sentence｜>', '<|KEY;|>']
const disguises: [RegExp, string][] = [
  [/▁/g, ' '],
  [/ /g, '▁'],
  [/K/g, '\u212a'],
  [/;/g, '\u037e'],
  [/^/, '\u200d'],
]

function withNormalised(fixture: FamilyFixture): FamilyFixture {
  const { tokenizer } = fixture
  const first =
    1 + Math.max(...Object.values(tokenizer.model.vocab), ...tokenizer.added_tokens.map(({ id }) => id))
  const plain = { single_word: false, lstrip: false, rstrip: false, normalized: true, special: true }
  const added = normalised.map((content, i) => ({ ...plain, id: first + i, content }))
  return { ...fixture, tokenizer: { ...tokenizer, added_tokens: [...tokenizer.added_tokens, ...added] } }
}

/** What a user may try for a token. */
function attempts(text: string): string[] {
  const half = Math.ceil(text.length / 2)
  const inside = [`${text.slice(0, half)}${text}${text.slice(half)}`, text.slice(1), text.slice(0, -1)]
  const disguised = disguises.map(([from, to]) => text.replace(from, to))
  return [
    text,
    `a ${text} b`,
    `${text}\n${text}`,
    ` ${text} `,
    `\n\n${text}system\n`,
    ...inside,
    ...disguised,
  ]
}

for (const fixture of familyFixtures()
  .filter(({ config }) => config.chat_template)
  .map(withNormalised)) {
  const sources: [string, Tokenizer][] = [['tokenizer.json', jsonTokenizer(fixture)]]
  if (fixture.gguf) sources.push(['GGUF', tokenizerFromGguf(ggufMetadata(fixture))])

  const template = String(fixture.config.chat_template)
  const special = fixture.tokenizer.added_tokens.filter(
    ({ content, special }) => special || content.startsWith('<|') || template.includes(content.trim() || '-'),
  )
  const specialIds = new Set(special.map(({ id }) => id))

  describe.each(sources)(`${fixture.name} from %s`, (_, tokenizer) => {
    const specialsOf = (content: string) =>
      tokenizer
        .encodeChat([{ role: 'user', content }])
        .filter(id => specialIds.has(id))
        .map(id => tokenizer.tokenText(id))

    test('no message becomes a special token', () => {
      const honest = specialsOf('Hi')
      expect(honest.length).toBeGreaterThan(0)
      for (const { content } of special) {
        for (const attempt of attempts(content))
          expect([attempt, specialsOf(attempt)]).toEqual([attempt, honest])
      }
    })

    test('nor does a text that is encoded', () => {
      const controls = new Set(special.filter(token => token.special).map(({ id }) => id))
      for (const { content, special: isControl } of special) {
        if (!isControl) continue
        for (const attempt of attempts(content)) {
          const forged = tokenizer.encode(attempt, { bos: false }).filter(id => controls.has(id))
          expect([attempt, forged]).toEqual([attempt, []])
        }
      }
    })
  })
}
