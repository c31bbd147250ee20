/** The public package in a page beside a Hub in a box, as tests of where models come from share them. */
import { readFileSync } from 'node:fs'
import { type BrowserContext, expect, type Page, test } from '@playwright/test'
import { type HarnessServer, serveHarness } from '../bad-input/harness-server'
import type { Loaded, Read } from './harness'
import { HubServer, type Misbehaviour, sha256 } from './hub-server'

const read = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../../packages/tiny-models/${name}`, import.meta.url)))
export const story = read('stories40K-f32.gguf')
/** Of other tensors. */
export const tale = read('tales-tiny-q8_0.gguf')
/** Of the same shape, length and header, and other weights. */
export const otherStory = story.slice().fill(0, story.length - 4096)

export const repo = 'o/stories'
export const file = 'story.gguf'
export const name = `${repo}/${file}`
/** Some pieces of the network into the weights. */
export const middle = 131_072

export let pages: HarnessServer
export let hub: HubServer
export let context: BrowserContext
export let page: Page
/** What the story model answers. */
export let ids: number[]

/** For all tests of the file that calls it. */
export function useHub(): void {
  test.beforeAll(async ({ browser }) => {
    pages = await serveHarness(new URL('./', import.meta.url))
    hub = await HubServer.start()
    context = await browser.newContext()
    page = await openPage()
    ids = (await page.evaluate(file => hubHarness.load(new Blob([file])), story)).ids
    await context.close()
  })

  test.afterAll(async () => {
    hub?.close()
    await pages?.close()
  })

  // A browser that has stored nothing, a hub that behaves.
  test.beforeEach(async ({ browser }) => {
    hub.reset()
    hub.files.clear()
    hub.files.set(name, { bytes: story })
    context = await browser.newContext()
    page = await openPage()
  })

  test.afterEach(() => context.close())
}

export async function openPage(): Promise<Page> {
  const opened = await context.newPage()
  await opened.goto(pages.url)
  await opened.waitForFunction(() => 'hubHarness' in globalThis)
  return opened
}

export const tellWorkers = (script: string) => page.evaluate(script => hubHarness.tellWorkers(script), script)

export const source = (others: { file?: string; token?: string } = { file }) => ({
  repo,
  hub: hub.url,
  ...others,
})
type Source = ReturnType<typeof source> | string

export const load = (model: Source, options: { store?: boolean } = {}): Promise<Loaded> =>
  page.evaluate(([model, options]) => hubHarness.load(model, options), [model, options] as const)
export const readFile = (model: Source, options: { store?: boolean } = {}): Promise<Read> =>
  page.evaluate(([model, options]) => hubHarness.read(model, options), [model, options] as const)
export const failure = (model: Source) => page.evaluate(model => hubHarness.failure(model), model)
export const list = () => page.evaluate(() => hubHarness.models.list())
/** What is stored whole is these files, to the byte. */
export async function expectStored(files: Record<string, Uint8Array>): Promise<void> {
  const hashes = Object.entries(files).map(([name, bytes]) => [name, sha256(bytes)])
  expect(await page.evaluate(() => hubHarness.stored())).toEqual(Object.fromEntries(hashes))
}
export const plainUrl = () => `${hub.url}/${repo}/resolve/main/${file}`

/** A load, or one of the file alone, that waits in the middle of the file. */
export async function toTheMiddle(
  begin: typeof load | typeof readFile,
  model: Source,
  how: Misbehaviour = {},
): Promise<{ ended: Promise<unknown> }> {
  hub.misbehave(name, { ...how, stallAt: middle })
  const ended = begin(model).catch((error: unknown) => error)
  await page.waitForFunction(bytes => hubHarness.loadedBytes >= bytes, middle)
  return { ended }
}

/** From the first answer and the second: no byte twice. */
export function expectResumed({ fetched, loaded }: Read, file: Uint8Array): void {
  expect(hub.served).toHaveLength(2)
  expect(hub.served[1]).toMatchObject({ range: `bytes=${middle}-`, bytes: file.length - middle, status: 206 })
  expect(fetched).toBe(file.length - middle)
  expect(loaded).toBe(file.length)
}

/** A tab of the same browser in place of the one that was closed. */
export async function reopen(): Promise<void> {
  page = await openPage()
}
