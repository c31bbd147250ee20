// `npm run generate`, the terminal's side.
import { basename, resolve } from 'node:path'
import process from 'node:process'
import { withPage } from './page-host.mjs'
import { clearProgress, describeError, showProgress } from './terminal.mjs'

/** Runs the request; returns the exit code. */
export async function generate(flags) {
  const files = new Map()
  const address = source => {
    if (!source?.file) return source?.url
    const path = `/files/${files.size}/${basename(source.file)}`
    files.set(path, resolve(source.file))
    return encodeURI(path)
  }
  const { model, draft, heads, trees, request } = flags
  const job = { model: address(model), draft: address(draft), heads: address(heads), trees, request }
  const onEvent = event => {
    if (event.type === 'progress') return showProgress(event.progress)
    clearProgress()
    if (!flags.json) process.stdout.write(event.text)
  }
  let isInterrupted = false
  const report = await withPage({ locate: path => files.get(path), onEvent }, page => {
    process.once('SIGINT', () => {
      isInterrupted = true
      page.evaluate(() => globalThis.terminalPage.interrupt()).catch(() => {})
    })
    return page.evaluate(task => globalThis.terminalPage.generate(task), job)
  })
  clearProgress()
  return print(report, flags.json, isInterrupted)
}

function print({ error, ...result }, isJson, isInterrupted) {
  if (isJson) {
    if (!error || result.tokens.length > 0) process.stdout.write(`${JSON.stringify(result)}\n`)
  } else {
    if (result.text) process.stdout.write('\n')
    if (result.stats && (!error || result.text)) process.stderr.write(`${figures(result)}\n`)
  }
  if (isInterrupted) return 130
  if (!error) return 0
  process.stderr.write(`${describeError(error)}\n`)
  return 1
}

function figures({ tokens, timings, stats, adapter }) {
  const { tokensPerSecond, firstTokenMs, loadMs } = timings
  const accepted = `${stats.num_accepted_tokens} of ${stats.num_draft_tokens} drafted tokens accepted`
  return [
    `${tokens.length} tokens`,
    `${tokensPerSecond.toFixed(1)} tokens/s`,
    `first after ${firstTokenMs.toFixed(0)} ms`,
    accepted,
    `loaded in ${loadMs.toFixed(0)} ms`,
    adapter,
  ].join(', ')
}
