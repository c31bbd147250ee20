import { describe, expect, test } from 'vitest'
import { GgufReader } from './gguf-reader'
import { type GgufContent, type WrittenTensor, writeGguf } from './gguf-writer'
import { encodeRows } from './row-values'

const data = encodeRows('f32', new Float32Array(64))
const tensor: WrittenTensor = { name: 'a.weight', type: 'f32', dims: [8, 8], data }
const q8: WrittenTensor = {
  name: 'q.weight',
  type: 'q8_0',
  dims: [32, 2],
  data: encodeRows('q8_0', new Float32Array(64)),
}
const content: GgufContent = { metadata: [['general.name', 'test']], tensors: [tensor, q8] }
const whole = writeGguf(content)

async function readAll(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const reader = await GgufReader.open(new Blob([bytes]))
  for await (const _ of reader.rows());
}

const badModel = (details: Record<string, unknown>, message: RegExp) => ({
  code: 'bad-model',
  message: expect.stringMatching(message),
  details: expect.objectContaining(details),
})

async function expectBad(bytes: Uint8Array<ArrayBuffer>, message: RegExp, details = {}): Promise<void> {
  await expect(readAll(bytes)).rejects.toMatchObject(badModel(details, message))
}

/** The file with bytes replaced where `find` (ASCII) begins, plus `shift`. */
function patched(find: string, shift: number, bytes: number[]): Uint8Array<ArrayBuffer> {
  const copy = whole.slice()
  const at = Buffer.from(copy).indexOf(find)
  expect(at).toBeGreaterThan(-1)
  copy.set(bytes, at + shift)
  return copy
}

const huge = [255, 255, 255, 255, 255, 255, 255, 127]
const large = [0, 0, 0, 3, 0, 0, 0, 0]

test('the file that the others break is whole', () => readAll(whole))

test('a file cut at any of 50 places is bad-model and tells how much is missing', async () => {
  const end = whole.length
  for (let i = 0; i < 50; i++) {
    const cut = Math.floor((i * end) / 50)
    await expectBad(whole.slice(0, cut), cut < 4 ? /Not a GGUF/ : /The file ends inside/)
  }
  await expectBad(whole.slice(0, end - 1), /ends inside tensor q\.weight: 68 bytes expected, 67 found/, {
    tensor: 'q.weight',
    expected: 68,
    found: 67,
  })
})

describe('not this format', () => {
  const text = (value: string) => new TextEncoder().encode(value)

  test('an HTML page', () =>
    expectBad(text('<!doctype html>'), /begins with "<!do", expected "GGUF"/, { offset: 0, found: '"<!do"' }))
  test('binary data', () => expectBad(Uint8Array.of(0, 1, 2, 255, 4), /bytes \[00 01 02 ff\]/))
  test('an empty file', () => expectBad(new Uint8Array(0), /begins with nothing/))
  test('version 1', () => expectBad(writeGguf({ ...content, version: 1 }), /version 1 cannot/, { found: 1 }))
  test('version 4', () => expectBad(writeGguf({ ...content, version: 4 }), /version 4 cannot/, { found: 4 }))
  test('big-endian', () =>
    expectBad(writeGguf({ ...content, version: 3 << 24 }), /big-endian/, { offset: 4 }))
})

describe('lies of the header', () => {
  test.each([
    ['tensor count', 2n ** 63n],
    ['tensor count', 100_001],
    ['tensor count', 99_999],
    ['tensor count', 3],
  ])('%s %d', (_, numTensors) =>
    expectBad(writeGguf({ ...content, numTensors }), /tensors|dimensions|ends inside|length/),
  )

  test.each([2n ** 64n - 1n, 100_001, 99_999, 2])('entry count %d', numEntries =>
    expectBad(writeGguf({ ...content, numEntries }), /entries|ends inside|length|unknown/),
  )

  test('key length', () => expectBad(patched('general.name', -8, huge), /a string length is \d+ at byte/))
  test('key length beyond the file', () => expectBad(patched('general.name', -8, [255, 255]), /ends inside/))
  test('string length', () => expectBad(patched('test', -8, huge), /string length.*key general\.name/))
  test('string length beyond the file', () =>
    expectBad(patched('test', -8, large), /ends inside its header.*key general\.name/, {
      expected: 3 * 2 ** 24,
      key: 'general.name',
    }))
  test('value type', () =>
    expectBad(patched('general.name', 12, [13]), /unknown value type 13/, { found: 13 }))
  test('element type', () =>
    expectBad(
      writeGguf({ metadata: [['k', { type: 99, value: [] }]], tensors: [] }),
      /unknown value type 99/,
      { key: 'k' },
    ))

  test.each([huge, large])('array length %s', async (...length) => {
    for (const value of [['x'], [1], [[1]]]) {
      const bytes = writeGguf({ metadata: [['key', value]], tensors: [] })
      bytes.set(length, Buffer.from(bytes).indexOf('key') + 11)
      await expectBad(bytes, /array length|arrays are too long/, { key: 'key' })
    }
  })

  test('arrays that would take far more memory than the file', () => {
    const bytes = writeGguf({
      metadata: [['k', { type: 'u8', value: new Array(2 ** 21 + 1).fill(1) }]],
      tensors: [],
    })
    return expectBad(bytes, /arrays are too long/, { key: 'k', found: 2 ** 21 + 1 })
  })

  test('arrays nested without end', () =>
    expectBad(writeGguf({ metadata: [['k', [[[[[[1]]]]]]]], tensors: [] }), /nested too deeply/))
  test('a key twice', () =>
    expectBad(
      writeGguf({
        metadata: [
          ['k', 1],
          ['k', 2],
        ],
        tensors: [],
      }),
      /key k stands twice/,
      { key: 'k' },
    ))
  test.each([0, 3, 131072, -1, 'x'])('alignment %s', value =>
    expectBad(
      writeGguf({ metadata: [['general.alignment', value]], tensors: [], alignment: 32 }),
      /power of two up to 65536/,
      { found: value },
    ),
  )
})

describe('lies about tensors', () => {
  const withTensor = (change: Partial<WrittenTensor>) =>
    writeGguf({ ...content, tensors: [{ ...tensor, ...change }, q8] })

  test('name length', () => expectBad(patched('a.weight', -8, huge), /string length/))
  test('no dimension', () => expectBad(withTensor({ dims: [] }), /dimensions is 0/, { tensor: 'a.weight' }))
  test('five dimensions', () => expectBad(withTensor({ dims: [1, 1, 1, 1, 1] }), /dimensions is 5/))
  test('a dimension of 0', () => expectBad(withTensor({ dims: [0, 8] }), /impossible dimensions 0 x 8/))
  test('a dimension beyond 2^53', () => expectBad(withTensor({ dims: [2n ** 60n] }), /a dimension is/))
  test('a product beyond 2^53', () =>
    expectBad(withTensor({ dims: [2 ** 30, 2 ** 30] }), /impossible dimensions/, { tensor: 'a.weight' }))
  test('more elements than bytes', () =>
    expectBad(
      writeGguf({ ...content, tensors: [{ ...tensor, dims: [8, 9] }] }),
      /ends inside tensor a\.weight/,
      {
        expected: 288,
        found: 256,
      },
    ))
  test('an unsupported type', () =>
    expectBad(
      withTensor({ type: 10 }),
      /type Q2_K, which is not supported; supported are F32, F16, BF16, Q8_0, Q4_0, Q4_1, .*, Q6_K/,
      {
        tensor: 'a.weight',
        found: 'Q2_K',
      },
    ))
  test('an unknown type', () => expectBad(withTensor({ type: 77 }), /has type 77/))
  test('columns that are no whole blocks', () =>
    expectBad(withTensor({ type: 'q8_0', dims: [48] }), /no whole q8_0 blocks/, {
      expected: 'a multiple of 32',
      found: 48,
    }))
  test('an offset off the alignment', () => expectBad(withTensor({ offset: 1 }), /misplaced/, { found: 1 }))
  test('an offset beyond 2^53', () => expectBad(withTensor({ offset: 2n ** 62n }), /tensor offset/))
  test('an offset beyond the file', () =>
    expectBad(withTensor({ offset: 2 ** 40 }), /ends inside tensor/, { found: 0 }))
  test('an overlap', () => expectBad(withTensor({ offset: 224 }), /overlap/, { tensor: 'q.weight' }))
  test('a name twice', () => expectBad(withTensor({ name: 'q.weight' }), /q\.weight stands twice/))
})
