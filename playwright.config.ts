import { existsSync } from 'node:fs'
import { defineConfig } from '@playwright/test'
import { findBrowser, launchArgs } from './scripts/browser.mjs'

const executablePath = await findBrowser()
const chatUrl = 'http://127.0.0.1:4173'
const isChatBuilt = existsSync(new URL('apps/chat/dist/index.html', import.meta.url))

export default defineConfig({
  testDir: 'e2e',
  testMatch: '**/*.spec.ts',
  workers: 1,
  // One software GPU on few cores: slow, not stuck.
  timeout: 180_000,
  expect: { timeout: 60_000 },
  use: {
    baseURL: chatUrl,
    launchOptions: { args: launchArgs(), ...(executablePath ? { executablePath } : {}) },
  },
  ...(isChatBuilt
    ? {
        webServer: {
          command:
            'node ../../node_modules/vite/bin/vite.js preview --host 127.0.0.1 --port 4173 --strictPort',
          cwd: 'apps/chat',
          url: chatUrl,
          reuseExistingServer: false,
        },
      }
    : {}),
})
