// The command line of `npm run generate`.
import { existsSync, statSync } from 'node:fs'
import { BadFlag, parseFlags } from './bad-flag.mjs'

export const generateHelp = `npm run generate -- --prompt TEXT [flags]

  --prompt TEXT        continued raw; BOS as the model says
  --chat               sends the prompt through the chat template
  --model MODEL        'bundled' (default), a GGUF file or an http(s) address
  --draft DRAFT        a smaller model, best of the same vocabulary: a file or an address; the bundled model has its own
  --heads HEADS        Medusa heads of the model: 'bundled', a safetensors file or an address
  --speculation MODE   auto (default), off, lookup, draft, heads, tree
  --depth K            tokens guessed per step, 1..16 (heads: as many as there are; of a tree its nodes, 1..31);
                       default 4 (heads: 3)
  --temperature T      0 (default) = greedy
  --seed N             0..4294967295; default random
  --max-tokens N       default 256
  --json               one object { tokens, text, stats, timings, adapter } on stdout
  --help               this

Text goes to stdout as it comes, figures to stderr. Ctrl-C ends it and keeps what came.
`

const options = {
  prompt: { type: 'string' },
  model: { type: 'string', default: 'bundled' },
  draft: { type: 'string' },
  heads: { type: 'string' },
  speculation: { type: 'string', default: 'auto' },
  depth: { type: 'string' },
  chat: { type: 'boolean', default: false },
  temperature: { type: 'string' },
  seed: { type: 'string' },
  'max-tokens': { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
}

const speculations = ['auto', 'off', 'lookup', 'draft', 'heads', 'tree']

export function parseGenerateFlags(args) {
  const { values } = parseFlags({ args, options, allowPositionals: false })
  if (values.help) return { help: true }
  if (values.prompt === undefined) throw new BadFlag('--prompt is missing.')
  const request = {
    ...(values.chat ? { messages: [{ role: 'user', content: values.prompt }] } : { prompt: values.prompt }),
    speculation: speculation(values),
    temperature: number('temperature', values.temperature, { min: 0 }),
    seed: number('seed', values.seed, { min: 0, max: 2 ** 32 - 1, whole: true }),
    maxTokens: number('max-tokens', values['max-tokens'], { min: 1, whole: true }),
  }
  return {
    help: false,
    json: values.json,
    model: source('model', values.model),
    draft: values.draft === undefined ? undefined : source('draft', values.draft),
    heads: values.heads === undefined ? undefined : source('heads', values.heads),
    trees: values.speculation === 'tree',
    request: Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined)),
  }
}

function speculation({ speculation: method, depth, model, draft, heads }) {
  if (!speculations.includes(method)) {
    throw new BadFlag(`--speculation is '${method}'; allowed: ${speculations.join(', ')}.`)
  }
  if (method === 'draft' && draft === undefined && model !== 'bundled') {
    throw new BadFlag('--speculation draft needs --draft.')
  }
  if (method === 'heads' && heads === undefined) throw new BadFlag('--speculation heads needs --heads.')
  if (method === 'auto' || method === 'off') {
    if (depth !== undefined) throw new BadFlag('--depth goes with a --speculation that guesses.')
    return method
  }
  const max = method === 'tree' ? 31 : 16
  return {
    method,
    depth: number('depth', depth, { min: 1, max, whole: true }) ?? (method === 'heads' ? 3 : 4),
  }
}

function number(flag, text, { min, max = Number.POSITIVE_INFINITY, whole = false }) {
  if (text === undefined) return undefined
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (!(value >= min && value <= max) || !Number.isFinite(value) || (whole && !Number.isInteger(value))) {
    const range = max === Number.POSITIVE_INFINITY ? `from ${min} on` : `${min}..${max}`
    throw new BadFlag(`--${flag} is '${text}'; allowed: a ${whole ? 'whole ' : ''}number ${range}.`)
  }
  return value
}

/** 'bundled' and addresses go to the page as they are, files through a route of ours. */
function source(flag, value) {
  if (value === 'bundled' || /^https?:\/\//.test(value)) return { url: value }
  if (!existsSync(value) || !statSync(value).isFile()) {
    throw new BadFlag(
      `--${flag} is '${value}'; allowed: bundled, a file, an http(s) address. There is no such file.`,
    )
  }
  return { file: value }
}
