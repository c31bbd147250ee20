// The command line of `npm run bench`.
import { readdirSync } from 'node:fs'
import { BadFlag, parseFlags } from './bad-flag.mjs'

const suiteEnding = '.bench.ts'

function knownSuites() {
  return readdirSync(new URL('../bench/', import.meta.url))
    .filter(name => name.endsWith(suiteEnding))
    .map(name => name.slice(0, -suiteEnding.length))
    .sort()
}

export const benchHelp = () => `npm run bench -- SUITE [flags]

  SUITE                ${knownSuites().join(', ')}
  --json FILE          writes { suite, adapter, date, commit, rows } to FILE
  --quick              all row names within minutes, on any machine
  --host browser|node  where the engine runs; node is not there yet
  --help               this

Rows go to stdout as they come.
`

const options = {
  json: { type: 'string' },
  quick: { type: 'boolean', default: false },
  host: { type: 'string', default: 'browser' },
  help: { type: 'boolean', default: false },
}

export function parseBenchFlags(args) {
  const { values, positionals } = parseFlags({ args, options, allowPositionals: true })
  if (values.help) return { help: true }
  const [suite, ...others] = positionals
  const suites = knownSuites()
  if (others.length > 0) throw new BadFlag(`One suite at a time, not also ${others.join(', ')}.`)
  if (!suites.includes(suite)) throw new BadFlag(`SUITE is '${suite ?? ''}'; allowed: ${suites.join(', ')}.`)
  if (values.host === 'node') throw new BadFlag('--host node is not there yet; use --host browser.')
  if (values.host !== 'browser') throw new BadFlag(`--host is '${values.host}'; allowed: browser, node.`)
  return { help: false, suite, quick: values.quick, json: values.json }
}
