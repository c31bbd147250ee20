/** Serves the harness page, built: each of its many loads starts a worker, which is quick as one file. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, defaultClientConditions, type InlineConfig, preview } from 'vite'

export interface HarnessServer {
  url: string
  close(): Promise<void>
}

export async function serveHarness(): Promise<HarnessServer> {
  const outDir = mkdtempSync(join(tmpdir(), 'foretoken-harness-'))
  const config: InlineConfig = {
    configFile: false,
    root: fileURLToPath(new URL('.', import.meta.url)),
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
