import { existsSync } from 'node:fs'
import { defineConfig } from '@playwright/test'
import { findBrowser, launchArgs } from './scripts/browser.mjs'

const executablePath = await findBrowser()
const pages = [
  { app: 'chat', port: 4173 },
  { app: 'lab', port: 4174 },
]
const address = (port: number): string => `http://127.0.0.1:${port}`
const isBuilt = (app: string): boolean => existsSync(new URL(`apps/${app}/dist/index.html`, import.meta.url))

export default defineConfig({
  testDir: 'e2e',
  testMatch: '**/*.spec.ts',
  workers: 1,
  // One software GPU on few cores: slow, not stuck.
  timeout: 180_000,
  expect: { timeout: 60_000 },
  use: {
    baseURL: address(pages[0]!.port),
    launchOptions: { args: launchArgs(), ...(executablePath ? { executablePath } : {}) },
  },
  webServer: pages
    .filter(({ app }) => isBuilt(app))
    .map(({ app, port }) => ({
      command: `node ../../node_modules/vite/bin/vite.js preview --host 127.0.0.1 --port ${port} --strictPort`,
      cwd: `apps/${app}`,
      url: address(port),
      reuseExistingServer: false,
    })),
})
