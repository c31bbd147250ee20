// The command lines of `npm run bench` and of a bench bundle's run.mjs. Both get the names of the suites.
import { modelFormats, modelShapes } from '../bench/model-shapes.mjs'
import { BadFlag, parseFlags } from './bad-flag.mjs'

const hosts = ['browser', 'firefox', 'node']
const shapeNames = Object.keys(modelShapes)
const defaultFormat = 'q4_0'

export const benchHelp = suites => `npm run bench -- SUITE [flags]

  SUITE                ${suites.join(', ')}
  --json FILE          writes { suite, host, adapter, date, commit, rows } to FILE
  --quick              all row names within minutes, on any machine
  --shape SHAPE        decode: a model of these dimensions with random weights and a drafter of known acceptance;
                       ${shapeNames.join(', ')}
  --format FORMAT      of its weights: ${modelFormats.join(', ')}; default ${defaultFormat}
  --host HOST          where the engine runs: browser, a headless Chromium (default); firefox, one that is installed; or
                       node, on Dawn
  --help               this

Rows go to stdout as they come. FORETOKEN_ADAPTER=gpu|software asks for an adapter. For a machine with a GPU and
nothing else: npm run bench:bundle.
`

export const runHelp = suites => `node run.mjs SUITE [flags]

  SUITE             ${suites.join(', ')}
  --json FILE       writes { suite, host, adapter, date, commit, rows } to FILE
  --quick           all row names within minutes, on any machine
  --shape SHAPE     decode: a model of these dimensions with random weights and a drafter of known acceptance;
                    ${shapeNames.join(', ')}
  --format FORMAT   of its weights: ${modelFormats.join(', ')}; default ${defaultFormat}
  --allow-software  runs on a software adapter (SwiftShader, llvmpipe) too, which is refused without it
  --adapter         no suite: prints the adapter that a suite would run on
  --help            this

Needs Node 20.19 or newer and, on Linux, a Vulkan driver with its loader; VK_DRIVER_FILES names a driver.
`

const shared = {
  json: { type: 'string' },
  quick: { type: 'boolean', default: false },
  shape: { type: 'string' },
  format: { type: 'string' },
  help: { type: 'boolean', default: false },
}

export function parseBenchFlags(args, suites) {
  const options = { ...shared, host: { type: 'string', default: 'browser' } }
  const { values, positionals } = parseFlags({ args, options, allowPositionals: true })
  if (values.help) return { help: true }
  const { host } = values
  if (!hosts.includes(host)) throw new BadFlag(`--host is '${host}'; allowed: ${hosts.join(', ')}.`)
  return { help: false, host, ...suiteFlags(values, positionals, suites) }
}

export function parseRunFlags(args, suites) {
  const flag = { type: 'boolean', default: false }
  const options = { ...shared, 'allow-software': flag, adapter: flag }
  const { values, positionals } = parseFlags({ args, options, allowPositionals: true })
  if (values.help) return { help: true }
  const { adapter, 'allow-software': allowSoftware } = values
  if (adapter) return { help: false, adapter, allowSoftware }
  return { help: false, adapter, allowSoftware, ...suiteFlags(values, positionals, suites) }
}

function suiteFlags({ quick, json, shape, format }, positionals, suites) {
  const suite = oneSuite(positionals, suites)
  if (shape === undefined) {
    if (format !== undefined) throw new BadFlag('--format goes with --shape only.')
    return { suite, quick, json }
  }
  if (suite !== 'decode') throw new BadFlag('--shape goes with the suite decode only.')
  if (!shapeNames.includes(shape)) {
    throw new BadFlag(`--shape is '${shape}'; allowed: ${shapeNames.join(', ')}.`)
  }
  if (format !== undefined && !modelFormats.includes(format)) {
    throw new BadFlag(`--format is '${format}'; allowed: ${modelFormats.join(', ')}.`)
  }
  return { suite, quick, json, shape, format: format ?? defaultFormat }
}

function oneSuite([suite, ...others], suites) {
  if (others.length > 0) throw new BadFlag(`One suite at a time, not also ${others.join(', ')}.`)
  if (!suites.includes(suite)) throw new BadFlag(`SUITE is '${suite ?? ''}'; allowed: ${suites.join(', ')}.`)
  return suite
}
