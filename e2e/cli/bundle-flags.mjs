// The command line of `npm run bench:bundle`.
import { existsSync, readdirSync } from 'node:fs'
import { BadFlag, parseFlags } from './bad-flag.mjs'

/** Dawn's binaries, as the package `webgpu` names them. */
const platforms = ['linux-x64', 'linux-arm64', 'darwin-universal', 'win32-x64', 'win32-arm64']

export const bundleHelp = `npm run bench:bundle [-- flags]

  --out DIR        the folder to write; default bench-bundle. An earlier bundle there is replaced
  --platform NAME  where it is to run: ${platforms.join(', ')}; default ${platforms[0]}
  --help           this

Writes what \`node run.mjs SUITE\` needs on a machine with Node 20.19 or newer and a GPU's driver, nothing else.
`

const options = {
  out: { type: 'string', default: 'bench-bundle' },
  platform: { type: 'string', default: platforms[0] },
  help: { type: 'boolean', default: false },
}

export function parseBundleFlags(args) {
  const { out, platform, help } = parseFlags({ args, options, allowPositionals: false }).values
  if (help) return { help: true }
  if (!platforms.includes(platform)) {
    throw new BadFlag(`--platform is '${platform}'; allowed: ${platforms.join(', ')}.`)
  }
  const files = existsSync(out) ? readdirSync(out) : []
  if (files.length > 0 && !files.includes('run.mjs')) {
    throw new BadFlag(`--out is '${out}', which is not empty and no bench bundle; it would be emptied.`)
  }
  return { help: false, out, platform }
}
