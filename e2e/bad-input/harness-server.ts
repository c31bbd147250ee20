/** Serves a harness page, built: each of its many loads starts a worker, which is quick as one file. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, defaultClientConditions, type InlineConfig, preview } from 'vite'

export interface HarnessServer {
  url: string
  close(): Promise<void>
}

/** The page in this directory, beside this file by default. */
export async function serveHarness(directory = new URL('.', import.meta.url)): Promise<HarnessServer> {
  const outDir = mkdtempSync(join(tmpdir(), 'foretoken-harness-'))
  const config: InlineConfig = {
    configFile: false,
    root: fileURLToPath(directory),
    logLevel: 'warn',
    resolve: { conditions: ['foretoken-source', ...defaultClientConditions] },
    worker: { format: 'es' },
    build: { outDir, emptyOutDir: true, target: 'es2022', minify: false },
    preview: { host: '127.0.0.1', port: 0 },
  }
  await build(config)
  const server = await preview(config)
  return {
    url: server.resolvedUrls!.local[0]!,
    async close() {
      await server.close()
      rmSync(outDir, { recursive: true })
    },
  }
}
