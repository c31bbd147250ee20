import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'
import { findBrowser, launchArgs } from './scripts/browser.mjs'

const executablePath = await findBrowser()
const resolve = { conditions: ['foretoken-source', 'module', 'browser', 'development'] }

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
      {
        resolve,
        // The files of ../shared are served to tests that find them there.
        server: { fs: { strict: false } },
        test: {
          name: 'browser',
          include: ['**/*.gpu.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: { ...(executablePath ? { executablePath } : {}), args: launchArgs() },
            }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
    ],
  },
})
