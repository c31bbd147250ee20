/**
 * The step of performance.now() in ms: 0.1 in Chromium, 1 in Firefox; of pages that are isolated from other origins 0.005
 * and 0.02. Takes two of them.
 */
export function clockGrain(now: () => number = () => performance.now()): number {
  const next = (from: number): number => {
    for (;;) {
      const time = now()
      if (time > from) return time
    }
  }
  const begin = next(now())
  return next(begin) - begin
}

/** The mean of as many measurements as make up `leastMs`: by a coarse clock each for itself says little. */
export async function meanMs(time: () => Promise<number>, leastMs: number): Promise<number> {
  let ms = 0
  let count = 0
  do {
    ms += await time()
    count++
  } while (ms < leastMs)
  return ms / count
}
