// A bench bundle: a folder that runs the suites in Node on Dawn, on a machine that has Node and a GPU's driver alone.
import { cpSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { build, defaultClientConditions } from 'vite'
import { currentCommit, root, sharedModels } from './workspace.mjs'

const here = name => fileURLToPath(new URL(name, import.meta.url))
const dawn = join(root, 'node_modules/webgpu')

/** As the package `webgpu` names its folders. */
export const thisPlatform = `${process.platform}-${process.platform === 'darwin' ? 'universal' : process.arch}`

/** Writes the bundle into a folder, which is emptied first. Returns the bytes of all its files. */
export async function writeBenchBundle(folder, platform) {
  await buildScripts(folder)
  for (const [name, path] of sharedModels()) cpSync(path, join(folder, 'models', name))
  // `webgpu` is part of run.mjs; it looks for its binary in dist/ beside itself.
  cpSync(join(dawn, 'dist', platform), join(folder, 'dist', platform), { recursive: true })
  cpSync(join(dawn, 'LICENSE.md'), join(folder, 'dist/LICENSE.md'))
  return bytesOf(folder)
}

/** As for a browser, since the engine is browser code; only Node's own modules stay outside. */
async function buildScripts(folder) {
  await build({
    configFile: false,
    root: here('.'),
    publicDir: false,
    logLevel: 'warn',
    base: './',
    resolve: { conditions: ['foretoken-source', ...defaultClientConditions] },
    define: { 'import.meta.env.VITE_COMMIT': JSON.stringify(currentCommit()) },
    build: {
      outDir: folder,
      emptyOutDir: true,
      target: 'es2023',
      minify: false,
      modulePreload: false,
      assetsInlineLimit: 0,
      rolldownOptions: {
        input: { run: here('bundle-entry.mjs') },
        external: [/^node:/, 'module'],
        output: {
          entryFileNames: '[name].mjs',
          chunkFileNames: '[name].mjs',
          assetFileNames: 'assets/[name][extname]',
        },
      },
    },
  })
}

const bytesOf = folder =>
  readdirSync(folder, { recursive: true })
    .map(name => statSync(join(folder, name)))
    .reduce((sum, entry) => sum + (entry.isFile() ? entry.size : 0), 0)
