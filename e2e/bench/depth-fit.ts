/** Su et al.'s model of a batch's best depth, fitted by least squares. */
import type { DepthRun } from './optimal-depths'

/** The depth from 0 to `maxDepth` with the most tokens per time for a batch. */
export function fitDepth(runs: readonly DepthRun[], batch: number, maxDepth: number): number {
  const own = runs.filter(run => run.batch === batch)
  const time = line(own.map(({ depth, ms }) => [depth, ms]))
  // How far drafts survive does not depend on who else is there.
  const drafted = runs.filter(({ depth, accepted }) => depth > 0 && accepted > 0)
  const power = line(drafted.map(({ depth, accepted }) => [Math.log(depth), Math.log(accepted)]))
  const speed = (depth: number): number =>
    (1 + (depth > 0 ? Math.exp(power.at(Math.log(depth))) : 0)) / time.at(depth)
  let best = 0
  for (let depth = 1; depth <= maxDepth; depth++) if (speed(depth) > speed(best)) best = depth
  return best
}

/** The straight line nearest to the points. */
function line(points: ReadonlyArray<readonly [x: number, y: number]>): { at(x: number): number } {
  const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length
  const middle = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))] as const
  let covariance = 0
  let variance = 0
  for (const [x, y] of points) {
    covariance += (x - middle[0]) * (y - middle[1])
    variance += (x - middle[0]) ** 2
  }
  const slope = variance > 0 ? covariance / variance : 0
  return { at: x => middle[1] + slope * (x - middle[0]) }
}
