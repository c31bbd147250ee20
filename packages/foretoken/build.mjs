// Builds the published package: index.js, worker.js, index.d.ts, the bundled model and its draft, in dist/.
import { existsSync } from 'node:fs'
import { copyFile, readFile, rm } from 'node:fs/promises'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import { rollup } from 'rollup'
import { dts } from 'rollup-plugin-dts'

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

async function buildScript(name) {
  const bundle = await rolldown({
    input: here(`src/${name}.ts`),
    platform: 'browser',
    plugins: [rawText, siblingAddresses],
  })
  const { output } = await bundle.write({ file: here(`dist/${name}.js`), format: 'es', codeSplitting: false })
  await bundle.close()
  const [script] = output
  if (script.imports.length > 0) throw new Error(`dist/${name}.js still imports ${script.imports.join(', ')}`)
  return script.code
}

async function buildTypes() {
  const plugin = dts({ tsconfig: here('../../tsconfig.json'), respectExternal: true })
  const bundle = await rollup({ input: here('src/index.ts'), plugins: [plugin] })
  const { output } = await bundle.write({ file: here('dist/index.d.ts'), format: 'es' })
  await bundle.close()
  const [types] = output
  if (types.imports.length > 0) throw new Error(`dist/index.d.ts still imports ${types.imports.join(', ')}`)
}

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
