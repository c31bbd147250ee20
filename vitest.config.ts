import { existsSync } from 'node:fs'
import { resolve as resolvePath } from 'node:path'
import { playwright } from '@vitest/browser-playwright'
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'
import type { BrowserConfigOptions } from 'vitest/node'
import { crossCheckCommands } from './e2e/cross-check/commands.mjs'
import { findBrowser, launchArgs } from './scripts/browser.mjs'
import { firefoxProvider } from './scripts/firefox-provider.mjs'

const executablePath = await findBrowser()
// Test data that lives beside the repository; tests that need it skip by name without it.
const shared = resolvePath(import.meta.dirname, '../shared')
const env = { VITE_SHARED: existsSync(shared) ? `/@fs${shared}` : '' }
const resolve = { conditions: ['foretoken-source', 'module', 'browser', 'development'] }

const inBrowser = (
  name: string,
  browser: Pick<BrowserConfigOptions, 'provider' | 'instances'>,
  setupFiles: string[] = [],
): TestProjectInlineConfiguration => ({
  resolve,
  // The files of ../shared are served to tests that find them there.
  server: { fs: { strict: false } },
  // All dependencies are ES modules; optimising them would only reload pages in the middle of a run.
  optimizeDeps: { noDiscovery: true },
  test: {
    name,
    env,
    setupFiles,
    include: ['**/*.gpu.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    testTimeout: 120_000,
    hookTimeout: 60_000,
    fileParallelism: false,
    // One page for all: what one file has had compiled, the next one has (sharedDevice).
    isolate: false,
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      commands: crossCheckCommands,
      ...browser,
    },
  },
})

export default defineConfig({
  test: {
    projects: [
      {
        resolve: { conditions: ['foretoken-source'] },
        ssr: { resolve: { conditions: ['foretoken-source', 'module', 'node', 'development'] } },
        test: {
          name: 'node',
          include: ['**/*.test.ts'],
          exclude: ['**/*.gpu.test.ts', '**/node_modules/**', '**/dist/**'],
        },
      },
      inBrowser('browser', {
        provider: playwright({
          launchOptions: { ...(executablePath ? { executablePath } : {}), args: launchArgs() },
        }),
        instances: [{ browser: 'chromium' }],
      }),
      inBrowser('firefox', { provider: firefoxProvider(), instances: [{ browser: 'firefox' }] }, [
        'e2e/firefox-setup.ts',
      ]),
    ],
  },
})
