// Builds the published package: index.js, worker.js, index.d.ts, the bundled model and its draft, in dist/.
import { existsSync } from 'node:fs'
import { copyFile, readFile, rm } from 'node:fs/promises'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import { dts } from 'rolldown-plugin-dts'

const here = name => fileURLToPath(new URL(name, import.meta.url))
const modelFiles = ['tales-target-q8_0.gguf', 'tales-wide-q8_0.gguf', 'tales-heads.safetensors']

/** `import text from './x.wgsl?raw'`, as Vite has it. */
const rawText = {
  name: 'raw-text',
  async load(id) {
    if (!id.endsWith('?raw')) return null
    const text = await readFile(id.slice(0, -'?raw'.length), 'utf8')
    return { code: `export default ${JSON.stringify(text)}`, moduleType: 'js' }
  },
  resolveId: {
    filter: { id: /\?raw$/ },
    async handler(source, importer) {
      const file = await this.resolve(source.slice(0, -'?raw'.length), importer)
      return file && `${file.id}?raw`
    },
  },
}

/** Addresses of files that lie beside each other in dist/, as each source writes them. */
const distAddresses = {
  "'./worker.ts'": "'./worker.js'",
  ...Object.fromEntries(modelFiles.map(file => [`'../${file}'`, `'./${file}'`])),
}

const siblingAddresses = {
  name: 'sibling-addresses',
  transform(code) {
    let moved = code
    for (const [source, target] of Object.entries(distAddresses)) {
      moved = moved.replaceAll(`new URL(${source}, import.meta.url)`, `new URL(${target}, import.meta.url)`)
    }
    return moved === code ? null : { code: moved }
  },
}

async function build(file, options) {
  const bundle = await rolldown({ platform: 'browser', ...options })
  const { output } = await bundle.write({ file: here(`dist/${file}`), format: 'es', codeSplitting: false })
  await bundle.close()
  const [{ code, imports }] = output
  if (imports.length > 0) throw new Error(`dist/${file} still imports ${imports.join(', ')}`)
  return code
}

const buildScript = name =>
  build(`${name}.js`, { input: here(`src/${name}.ts`), plugins: [rawText, siblingAddresses] })

/** `eager`: the program is made once, not once more for each module. */
const declarations = dts({
  tsconfig: here('../../tsconfig.json'),
  dtsOnly: true,
  generator: 'tsc',
  tsc: { eager: true },
})
const buildTypes = () => build('index.d.ts', { input: here('src/index.ts'), plugins: [declarations] })

await rm(here('dist'), { recursive: true, force: true })
const client = await buildScript('index')
for (const target of Object.values(distAddresses)) {
  if (!client.includes(`new URL(${target.replaceAll("'", '"')}`))
    throw new Error(`dist/index.js lacks ${target}`)
}
await buildScript('worker')
await buildTypes()
for (const file of modelFiles) await copyFile(here(`../tiny-models/${file}`), here(`dist/${file}`))
if (process.argv.includes('--pack')) {
  for (const name of ['README.md', 'LICENSE']) {
    if (existsSync(here(`../../${name}`))) await copyFile(here(`../../${name}`), here(name))
  }
}
