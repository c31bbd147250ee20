/** The built chat page in a browser that cannot run it. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { chromium, expect, test } from '@playwright/test'
import { findBrowser, launchArgs } from '../scripts/browser.mjs'

const page = fileURLToPath(new URL('../apps/chat/dist/index.html', import.meta.url))
test.skip(!existsSync(page), 'apps/chat is not built')

test('without WebGPU, says so', async ({ baseURL }) => {
  const executablePath = await findBrowser()
  const args = launchArgs({ webgpu: false })
  const browser = await chromium.launch({ args, ...(executablePath ? { executablePath } : {}) })
  try {
    const bare = await browser.newPage({ baseURL: baseURL! })
    await bare.goto('/')
    await expect(bare.getByRole('alert')).toContainText('WebGPU has no graphics card to run on')
    await expect(bare.getByRole('alert')).toContainText('chrome://flags')
    await expect(bare.getByRole('status')).toHaveText('No model is loaded')
    await bare.addInitScript(() => Reflect.deleteProperty(Navigator.prototype, 'gpu'))
    await bare.reload()
    await expect(bare.getByRole('alert')).toContainText('This browser has no WebGPU')
    await expect(bare.getByRole('alert')).toContainText('Chrome and Edge from version 113')
    await expect(bare.getByTestId('prompt')).toBeHidden()
  } finally {
    await browser.close()
  }
})
