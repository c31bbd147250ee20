// What products with the matrices of large models cost on a GPU, as tables.

const COUNTS = [2, 4, 8]
const names = { f16: 'F16', q8_0: 'Q8_0', q4_0: 'Q4_0' }

/** By file of results/<folder>: its heading and table. */
export const matrixBlocks = ({ readSuite, source, table }) => ({
  tiles(device) {
    const tiles = readSuite(device, 'tiles')
    const kernelRows = readSuite(device, 'kernels').rows.filter(({ name }) => name === 'matmul')
    return [
      `**Matrices** (${source(tiles)}; one row: \`npm run bench -- kernels\`): microseconds for one row, what that is of the speed at which the`,
      'device reads 256 MiB, and of that at which it reads as many bytes in a dispatch that waits for the one before; then what',
      'more rows cost beside one, by the tiles that were taken then.\n',
      table(matrixHeader, matrixRows(kernelRows, tiles.rows)),
    ].join('\n')
  },
  products(device) {
    const measured = readSuite(device, 'products')
    const [speed, fraction] = ['tokens_per_s', 'fma_fraction'].map(
      metric => measured.rows.find(row => row.name === 'prefill' && row.metric === metric).value,
    )
    return [
      `**Matrices since then** (${source(measured)}): the same with kernels that ask ahead for what the next round needs, as far as`,
      'device time went; the fastest of the tiles tried. A Llama-3.2-1B in F16 reads a prompt of 512 tokens at',
      `${Math.round(speed).toLocaleString('en')} tokens/s, ${Math.round(100 * fraction)} % of the rate of fma.\n`,
      table(productHeader, productRows(measured)),
    ].join('\n')
  },
})

/** By the rows of the two files. */
function matrixRows(kernels, tiles) {
  const taken = tiles.filter(row => row.taken)
  const ofTile = (matrix, rows) => taken.find(row => row.rows === rows && isSame(row, matrix))?.value
  const matrices = taken.filter(({ rows }) => rows === 1)
  return matrices.map(matrix => {
    const one = kernels.find(
      row => row.metric === 'bandwidth_fraction' && row.rows === 1 && isSame(row, matrix),
    )
    const us = kernels.find(row => row.metric === 'us' && row.rows === 1 && isSame(row, matrix))
    const { model, kind, n, k, format, value } = matrix
    const costs = COUNTS.map(rows => (ofTile(matrix, rows) / value).toFixed(2))
    const percent = fraction => `${Math.round(100 * fraction)} %`
    return [
      `${model} ${kind}, ${n} x ${k}`,
      names[format],
      us.value.toFixed(1),
      percent(one.value),
      percent(one.of_same_size),
      ...costs,
    ]
  })
}

const matrixHeader = [
  'matrix',
  'weights',
  'us',
  'of the memory’s speed',
  'of a stream as long',
  ...COUNTS.map(rows => `${rows} rows`),
]

/** What some of them cost since, and prompts, which multiply 256 rows at a time. */
function productRows({ stream_gb_per_s, rows }) {
  const products = rows.filter(({ name }) => name === 'product')
  const matrices = products.filter((row, i) => products.findIndex(other => isSame(other, row)) === i)
  return matrices.map(matrix => {
    const { model, kind, n, k, format } = matrix
    const of = count => products.find(row => row.rows === count && isSame(row, matrix))?.value
    const [one, four, eight, filled] = [1, 4, 8, 256].map(of)
    const bytes = { f16: 2, q8_0: 34 / 32 }[format] * n * k
    const percent = fraction => (Number.isFinite(fraction) ? `${Math.round(100 * fraction)} %` : '')
    const times = value => (value && one ? (value / one).toFixed(2) : '')
    return [
      `${model} ${kind}, ${n} x ${k}`,
      names[format],
      one?.toFixed(1) ?? '',
      percent(bytes / (one * 1000) / stream_gb_per_s),
      times(four),
      times(eight),
      eight?.toFixed(1) ?? '',
      percent(filled),
    ]
  })
}

const productHeader = [
  'matrix',
  'weights',
  'us',
  'of the memory’s speed',
  '4 rows',
  '8 rows',
  'us of 8 rows',
  '256 rows: of the rate of fma',
]

const isSame = (row, { model, kind, format }) =>
  row.model === model && row.kind === kind && row.format === format && row.numerics !== 'fast'
