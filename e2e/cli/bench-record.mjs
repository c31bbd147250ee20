// What a bench prints and writes, wherever its engine runs.
import { writeFileSync } from 'node:fs'
import process from 'node:process'
import { describeError } from './terminal.mjs'

/**
 * Prints what `run(onEvent)` emits and writes it to `json`, after every row: a run that is cut off keeps what it
 * measured. Returns the exit code.
 */
export async function recordBench({ suite, host, json, commit }, run) {
  const result = { suite, host, adapter: null, date: new Date().toISOString(), commit, rows: [] }
  const onEvent = ({ type, adapter, row }) => {
    if (type === 'adapter') result.adapter = adapter
    if (type === 'row') result.rows.push(row)
    if (json) writeFileSync(json, `${JSON.stringify(result, null, 2)}\n`)
    if (type === 'adapter') process.stderr.write(`Adapter: ${adapter}\n`)
    if (type === 'row') process.stdout.write(`${tableRow(row)}\n`)
  }
  const { error } = await run(onEvent)
  if (!error) return 0
  process.stderr.write(`${describeError(error)}\n`)
  return 1
}

function tableRow({ name, metric, value, unit, ...conditions }) {
  const number = value === null ? '-' : Number.isInteger(value) ? String(value) : value.toPrecision(5)
  const extra = Object.entries(conditions).map(
    ([key, condition]) => `${key}=${JSON.stringify(shorter(condition))}`,
  )
  return [name.padEnd(14), metric.padEnd(24), number.padStart(12), unit.padEnd(10), ...extra]
    .join(' ')
    .trimEnd()
}

const shorter = condition => (typeof condition === 'number' ? Number(condition.toPrecision(6)) : condition)
