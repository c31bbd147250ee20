// What products with the matrices of large models cost on a GPU, as a table.

const COUNTS = [2, 4, 8, 16, 32]
const names = { f16: 'F16', q8_0: 'Q8_0', q4_0: 'Q4_0' }
/** Of outputs and of columns: smaller ones are over before a GPU is busy. */
const LARGE = 2048

/** Of `kernels`, what a suite of that name has measured. */
export function matrixTable({ rows }, table) {
  const isLarge = row => row.name === 'matmul' && row.numerics === 'exact' && row.n >= LARGE && row.k >= LARGE
  const large = rows.filter(isLarge)
  const ones = large.filter(row => row.metric === 'bandwidth_fraction' && row.rows === 1)
  const percent = fraction => `${Math.round(100 * fraction)} %`
  const lines = ones.map(one => {
    const { model, kind, format, n, k } = one
    const isSame = row => row.model === model && row.kind === kind && row.format === format
    const of = (metric, count) =>
      large.find(row => row.metric === metric && row.rows === count && isSame(row)).value
    return [
      `${model} ${kind}, ${n} x ${k}`,
      names[format],
      of('us', 1).toFixed(1),
      percent(one.value),
      percent(one.of_same_size),
      ...COUNTS.map(count => of('relative_cost', count).toFixed(2)),
    ]
  })
  return [
    '**Matrices** of the same run, of 2,048 outputs and columns and more: microseconds for one row, what that is of the speed at',
    'which the device reads 256 MiB, and of that at which it reads as many bytes in a dispatch that waits for the one before;',
    'then what more rows cost beside one.\n',
    table([...header, ...COUNTS.map(rows => `${rows} rows`)], lines),
  ].join('\n')
}

const header = ['matrix', 'weights', 'us', 'of the memory’s speed', 'of a stream as long']
