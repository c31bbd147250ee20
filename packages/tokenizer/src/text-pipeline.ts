import { badModel } from './bad-model'
import type { Step, TextSteps } from './hugging-face-encoder'
import { array, boolean, type Json, object, optional, string } from './json-field'
import { spaceMark, type tokenBytes } from './token-bytes'

export interface Pipeline {
  steps: Omit<TextSteps, 'merges'>
  writing: keyof typeof tokenBytes
  /** The tokenizer puts a space before a text, and its decoder takes one away. */
  addsSpace: boolean
}

/** What a tokenizer.json does to text around its merges. Throws `bad-model` for a step that is not known. */
export function readPipeline(json: Json, model: Json): Pipeline {
  const decoders = flat(json.decoder, 'decoder', 'decoders', decoderSteps)
  const isBytes = decoders.some(({ type }) => type === 'ByteLevel')
  return {
    steps: {
      normalizer: sequence('normalizers', flat(json.normalizer, 'normalizer', 'normalizers', normalizers)),
      preTokenizer: sequence(
        'pretokenizers',
        flat(json.pre_tokenizer, 'pre_tokenizer', 'pretokenizers', preTokenizers),
      ),
      ignoreMerges: optional(boolean, model.ignore_merges, 'model.ignore_merges', false),
    },
    writing: isBytes ? 'bytes' : 'pieces',
    addsSpace: decoders.some(
      ({ type, prepend_scheme: scheme }) => type === 'Strip' || (type === 'Metaspace' && scheme !== 'never'),
    ),
  }
}

const maxDepth = 8
/** In characters. The longest known has 400; 30,000 take seconds to compile. */
const maxPattern = 2000

type Readers = Record<string, (step: Step, key: string) => Step[]>

const asItIs = (step: Step) => [step]

const normalizers: Readers = {
  NFC: asItIs,
  NFD: asItIs,
  NFKC: asItIs,
  NFKD: asItIs,
  Prepend(step, key) {
    string(step.prepend, `${key}.prepend`)
    return [step]
  },
  Replace(step, key) {
    requirePattern(step, key)
    string(step.content, `${key}.content`)
    return [step]
  },
}

const preTokenizers: Readers = {
  ByteLevel: asItIs,
  /** The library knows the digits 0 to 9 alone; these are all numerals. */
  Digits: step => [split(step.individual_digits ? String.raw`\p{N}` : String.raw`\p{N}+`)],
  Split(step, key) {
    requirePattern(step, key)
    const behavior = string(step.behavior, `${key}.behavior`)
    const isSpace = (step.pattern as Json).String === ' '
    // Gemma's: its normaliser has left no space to split at.
    if (behavior === 'MergedWithPrevious' && isSpace) return []
    if (behavior === 'Isolated' || behavior === 'Removed') return [step]
    throw unsupported(`${key}.behavior`, behavior, ['Isolated', 'Removed'])
  },
  Metaspace(step, key) {
    const mark = optional(string, step.replacement, `${key}.replacement`, spaceMark)
    if (mark !== spaceMark) throw unsupported(`${key}.replacement`, mark, [spaceMark])
    // Files of old say it by `add_prefix_space`.
    const scheme = step.prepend_scheme ?? (step.add_prefix_space === false ? 'never' : 'always')
    const marks = { type: 'Metaspace', replacement: mark, prepend_scheme: scheme }
    return step.split === false ? [marks] : [marks, split(`${mark}[^${mark}]*`)]
  },
}

const decoderSteps: Readers = {
  ByteLevel: asItIs,
  ByteFallback: asItIs,
  Fuse: asItIs,
  Metaspace: asItIs,
  Replace: asItIs,
  Strip: asItIs,
}

const split = (pattern: string): Step => ({
  type: 'Split',
  pattern: { Regex: pattern },
  behavior: 'Isolated',
  invert: false,
})

/** A step, or the steps of a sequence, each known. */
function flat(step: unknown, key: string, list: string, readers: Readers, depth = 0): Step[] {
  if (step === null || step === undefined) return []
  if (depth > maxDepth) throw unsupported(key, 'Sequence', [`at most ${maxDepth} levels`])
  const { type: given, ...options } = object(step, key)
  const type = string(given, `${key}.type`)
  if (type === 'Sequence') {
    return array(options[list], `${key}.${list}`).flatMap((inner, i) =>
      flat(inner, `${key}.${list}[${i}]`, list, readers, depth + 1),
    )
  }
  if (!Object.hasOwn(readers, type)) throw unsupported(key, type, Object.keys(readers))
  return readers[type]!({ type, ...options }, key)
}

const sequence = (list: string, steps: Step[]): Step | null =>
  steps.length === 0 ? null : { type: 'Sequence', [list]: steps }

function requirePattern(step: Step, key: string): void {
  const { String: text, Regex: regex } = object(step.pattern, `${key}.pattern`)
  const { length } = string(text ?? regex, `${key}.pattern`)
  if (length <= maxPattern) return
  const message = `${key}.pattern of the tokenizer has ${length} characters; supported are ${maxPattern}.`
  throw badModel(message, { key: `${key}.pattern`, expected: `at most ${maxPattern}`, found: length })
}

function unsupported(key: string, found: string, expected: readonly string[]) {
  const message = `${key} "${found}" of the tokenizer is not supported; supported are ${expected.join(', ')}.`
  return badModel(message, { key, expected, found })
}
