/** Times in ms at which so many requests arrive, `rate` per second: the gaps of a Poisson process are exponential. */
export function poissonArrivals(rate: number, count: number, random: () => number): number[] {
  let at = 0
  return Array.from({ length: count }, () => {
    at += (-Math.log(1 - random()) * 1000) / rate
    return at
  })
}
