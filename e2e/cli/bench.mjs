// `npm run bench`, the terminal's side.
import { execFileSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { withPage } from './page-host.mjs'
import { describeError } from './terminal.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const modelFolder = join(root, '../shared/models')

/** Runs one suite; returns the exit code. Rows that came before an error are kept. */
export async function bench({ suite, quick, json }) {
  const models = new Map(listModels().map(name => [`/models/${name}`, join(modelFolder, name)]))
  const job = { suite, quick, models: addressesByName(models) }
  const rows = []
  const onEvent = event => {
    if (event.type !== 'row') return
    rows.push(event.row)
    process.stdout.write(`${tableRow(event.row)}\n`)
  }
  const { adapter, error } = await withPage({ locate: path => models.get(path), onEvent }, page =>
    page.evaluate(task => globalThis.terminalPage.bench(task), job),
  )
  if (json) {
    const result = { suite, adapter, date: new Date().toISOString(), commit: currentCommit(), rows }
    writeFileSync(json, `${JSON.stringify(result, null, 2)}\n`)
  }
  if (!error) return 0
  process.stderr.write(`${describeError(error)}\n`)
  return 1
}

function listModels() {
  try {
    return readdirSync(modelFolder)
  } catch {
    return []
  }
}

const addressesByName = models =>
  Object.fromEntries([...models.keys()].map(path => [path.slice('/models/'.length), path]))

function tableRow({ name, metric, value, unit, ...conditions }) {
  const number = Number.isInteger(value) ? String(value) : value.toPrecision(5)
  const extra = Object.entries(conditions).map(([key, condition]) => `${key}=${JSON.stringify(condition)}`)
  return [name.padEnd(14), metric.padEnd(24), number.padStart(12), unit.padEnd(10), ...extra]
    .join(' ')
    .trimEnd()
}

/** Null outside a git checkout, or before the first commit. */
function currentCommit() {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8', stdio: 'pipe' }).trim()
  } catch {
    return null
  }
}
