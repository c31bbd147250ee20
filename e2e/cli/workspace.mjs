// What the commands know of the workspace they run in.
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

const suiteEnding = '.bench.ts'

export const benchSuites = () =>
  readdirSync(join(root, 'e2e/bench'))
    .filter(name => name.endsWith(suiteEnding))
    .map(name => name.slice(0, -suiteEnding.length))
    .sort()

/** Paths of the files of ../shared/models by name; none where the folder is absent. */
export function sharedModels() {
  const folder = join(root, '../shared/models')
  try {
    return new Map(readdirSync(folder).map(name => [name, join(folder, name)]))
  } catch {
    return new Map()
  }
}

/** Null outside a git checkout, or before the first commit. */
export function currentCommit() {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8', stdio: 'pipe' }).trim()
  } catch {
    return null
  }
}
