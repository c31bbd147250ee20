/** The published package in an app of its own, outside the workspace, as a user has it. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, type Page, test } from '@playwright/test'
import { createServer, preview } from 'vite'

const root = fileURLToPath(new URL('..', import.meta.url))
let app: string

const node = (script: string, ...args: string[]) =>
  execFileSync(process.execPath, [join(root, script), ...args], { cwd: app, stdio: 'pipe', encoding: 'utf8' })

const npm = (cwd: string, ...args: string[]) =>
  execFileSync('npm', args, { cwd, stdio: 'pipe', encoding: 'utf8', shell: process.platform === 'win32' })

test.beforeAll(() => {
  app = mkdtempSync(join(tmpdir(), 'foretoken-consumer-'))
  cpSync(join(root, 'e2e/consumer'), app, { recursive: true })
  npm(join(root, 'packages/foretoken'), 'pack', '--silent', '--pack-destination', app)
  const [tarball] = readdirSync(app).filter(name => name.endsWith('.tgz'))
  // The package has no dependencies, so nothing is fetched.
  npm(app, 'install', `./${tarball}`, '--offline', '--ignore-scripts', '--no-audit', '--no-fund')
})

test.afterAll(() => rmSync(app, { recursive: true, force: true }))

/** The app writes what it generated into its title. */
async function expectGenerated(page: Page, url: string): Promise<void> {
  await page.goto(url)
  await page.waitForFunction(() => document.title !== 'waiting')
  const { tokens, text, error } = JSON.parse(await page.title())
  expect(error).toBeUndefined()
  expect(tokens).toHaveLength(16)
  expect(text.trim()).not.toBe('')
}

test('type-checks under strict options, the declarations included', () => {
  expect(node('node_modules/typescript/bin/tsc', '-p', '.')).toBe('')
})

test('generates from the built app', async ({ page }) => {
  node('node_modules/vite/bin/vite.js', 'build', '--logLevel', 'warn')
  const server = await preview({ root: app, logLevel: 'warn', preview: { host: '127.0.0.1' } })
  try {
    await expectGenerated(page, server.resolvedUrls!.local[0]!)
  } finally {
    await server.close()
  }
})

test('generates from the dev server', async ({ page }) => {
  const server = await createServer({ root: app, logLevel: 'warn', server: { host: '127.0.0.1' } })
  try {
    await server.listen()
    await expectGenerated(page, server.resolvedUrls!.local[0]!)
  } finally {
    await server.close()
  }
})
