// What products with the matrices of large models cost on a GPU, as a table: `npm run bench -- kernels` for one row, and
// the tiles that device-profile.ts takes for more.

const COUNTS = [2, 4, 8]
const names = { f16: 'F16', q8_0: 'Q8_0', q4_0: 'Q4_0' }

/** Rows of the table, by the rows of the two files. */
export function matrixRows(kernels, tiles) {
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

export const matrixHeader = [
  'matrix',
  'weights',
  'us',
  'of the memory’s speed',
  'of a stream as long',
  ...COUNTS.map(rows => `${rows} rows`),
]

const isSame = (row, { model, kind, format }) =>
  row.model === model && row.kind === kind && row.format === format && row.numerics !== 'fast'
