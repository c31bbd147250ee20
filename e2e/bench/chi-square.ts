/** Pearson's goodness of fit. Cells with few expected counts are pooled, as the approximation demands. */
const MIN_EXPECTED = 5

export interface ChiSquare {
  statistic: number
  degrees: number
  /** Chance of a statistic at least as large if the counts follow `probabilities`. */
  p: number
}

export function chiSquare(counts: readonly number[], probabilities: readonly number[]): ChiSquare {
  const total = counts.reduce((a, b) => a + b, 0)
  let statistic = 0
  let cells = 0
  let rareCount = 0
  let rareExpected = 0
  const add = (count: number, expected: number): void => {
    statistic += (count - expected) ** 2 / expected
    cells++
  }
  probabilities.forEach((probability, i) => {
    const expected = probability * total
    if (expected >= MIN_EXPECTED) add(counts[i]!, expected)
    else {
      rareCount += counts[i]!
      rareExpected += expected
    }
  })
  if (rareExpected > 0) add(rareCount, rareExpected)
  return { statistic, degrees: cells - 1, p: upperGamma((cells - 1) / 2, statistic / 2) }
}

/** Regularised upper incomplete gamma function Q(a, x), by its series below a + 1 and its continued fraction above. */
export function upperGamma(a: number, x: number): number {
  if (x <= 0) return 1
  const scale = Math.exp(a * Math.log(x) - x - logGamma(a))
  if (x < a + 1) {
    let term = 1 / a
    let sum = term
    for (let n = 1; term > sum * 1e-15; n++) {
      term *= x / (a + n)
      sum += term
    }
    return 1 - sum * scale
  }
  // Lentz's method.
  let b = x + 1 - a
  let c = 1e300
  let d = 1 / b
  let fraction = d
  for (let n = 1; n < 10_000; n++) {
    const numerator = -n * (n - a)
    b += 2
    d = 1 / (numerator * d + b)
    c = b + numerator / c
    fraction *= c * d
    if (Math.abs(c * d - 1) < 1e-14) break
  }
  return fraction * scale
}

/** Stirling's series, after lifting the argument above 10. */
function logGamma(z: number): number {
  let shift = 0
  let x = z
  for (; x < 10; x++) shift -= Math.log(x)
  const square = x * x
  const series = (1 - (1 / 30 - (1 / 105 - 1 / (140 * square)) / square) / square) / (12 * x)
  return shift + (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series
}
