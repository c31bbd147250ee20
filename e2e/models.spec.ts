/** Where models come from and how they are kept: the public package against a Hub in a box. */
import { readdirSync, readFileSync } from 'node:fs'
import { type BrowserContext, expect, type Page, test } from '@playwright/test'
import { type HarnessServer, serveHarness } from './bad-input/harness-server'
import type { Loaded, Read } from './hub/harness'
import { HubServer, type Misbehaviour } from './hub/hub-server'
import { splitModel } from './hub/split-model'

const read = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../packages/tiny-models/${name}`, import.meta.url)))
const story = read('stories40K-f32.gguf')
/** Of other tensors. */
const tale = read('tales-tiny-q8_0.gguf')
/** Of the same shape, length and header, and other weights. */
const otherStory = story.slice().fill(0, story.length - 4096)

const repo = 'o/stories'
const file = 'story.gguf'
const name = `${repo}/${file}`
/** Some pieces of the network into the weights. */
const middle = 131_072

let pages: HarnessServer
let hub: HubServer
let context: BrowserContext
let page: Page
/** What the story model answers. */
let ids: number[]

test.beforeAll(async ({ browser }) => {
  pages = await serveHarness(new URL('./hub/', import.meta.url))
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

/** A browser that has stored nothing, a hub that behaves. */
test.beforeEach(async ({ browser }) => {
  hub.reset()
  hub.files.clear()
  hub.files.set(name, { bytes: story })
  context = await browser.newContext()
  page = await openPage()
})

test.afterEach(() => context.close())

async function openPage(): Promise<Page> {
  const opened = await context.newPage()
  await opened.goto(pages.url)
  await opened.waitForFunction(() => 'hubHarness' in globalThis)
  return opened
}

const tellWorkers = (script: string) => page.evaluate(script => hubHarness.tellWorkers(script), script)

const source = (others: { file?: string; token?: string } = { file }) => ({ repo, hub: hub.url, ...others })
type Source = ReturnType<typeof source> | string

const load = (model: Source, options: { store?: boolean } = {}): Promise<Loaded> =>
  page.evaluate(([model, options]) => hubHarness.load(model, options), [model, options] as const)
const readFile = (model: Source, options: { store?: boolean } = {}): Promise<Read> =>
  page.evaluate(([model, options]) => hubHarness.read(model, options), [model, options] as const)
const failure = (model: Source) => page.evaluate(model => hubHarness.failure(model), model)
const list = () => page.evaluate(() => hubHarness.models.list())
const plainUrl = () => `${hub.url}/${repo}/resolve/main/${file}`

/** A load that waits in the middle of the file. */
async function loadToTheMiddle(model: Source, how: Misbehaviour = {}): Promise<{ ended: Promise<unknown> }> {
  hub.misbehave(name, { ...how, stallAt: middle })
  const ended = load(model).catch((error: unknown) => error)
  await page.waitForFunction(bytes => hubHarness.loadedBytes >= bytes, middle)
  return { ended }
}

/** From the first answer and the second: no byte twice. */
function expectResumed({ fetched, loaded }: Read, file: Uint8Array): void {
  expect(hub.served).toHaveLength(2)
  expect(hub.served[1]).toMatchObject({ range: `bytes=${middle}-`, bytes: file.length - middle, status: 206 })
  expect(fetched).toBe(file.length - middle)
  expect(loaded).toBe(file.length)
}

test.describe('a file of the Hub', () => {
  test('is fetched once and stored; loading it again takes no request', async () => {
    expect(await readFile(source())).toMatchObject({
      fetched: story.length,
      loaded: story.length,
      total: story.length,
      warnings: [],
    })
    expect(await list()).toEqual([
      expect.objectContaining({ name: file, bytes: story.length, totalBytes: story.length, complete: true }),
    ])
    hub.reset()
    const again = await load(source())
    expect(again).toMatchObject({ fetched: 0, loaded: story.length, ids })
    expect([hub.asked, hub.served]).toEqual([[], []])
  })

  test('is chosen where the repository alone is named, and found again when the hub is away', async () => {
    hub.files.set(`${repo}/README.md`, { bytes: tale })
    const first = await readFile(source({}))
    expect(first.loaded).toBe(story.length)
    hub.files.clear()
    expect(await readFile(source({}))).toMatchObject({ fetched: 0, loaded: first.loaded })
  })

  test('is fetched each time with store: false, and leaves nothing', async () => {
    await readFile(source(), { store: false })
    expect(await readFile(source(), { store: false })).toMatchObject({ fetched: story.length, warnings: [] })
    expect(await list()).toEqual([])
  })

  test('that is gated needs a token, which is not stored', async () => {
    hub.files.set(name, { bytes: story, token: 'hf_secret' })
    const refused = await failure(source())
    expect(refused).toMatchObject({ code: 'download', details: { status: 401, reason: 'GatedRepo' } })
    expect(refused.message).toContain('token')
    const wrong = await failure(source({ file, token: 'hf_other' }))
    expect(wrong).toMatchObject({ code: 'download', details: { status: 403 } })
    expect(JSON.stringify(wrong)).not.toContain('hf_other')
    expect((await readFile(source({ file, token: 'hf_secret' }))).loaded).toBe(story.length)
    expect(JSON.stringify(await list())).not.toContain('hf_secret')
  })

  test('that is not there is told with its status', async () => {
    const { code, details, message } = await failure(source({ file: 'none.gguf' }))
    expect({ code, details }).toMatchObject({
      code: 'download',
      details: { status: 404, reason: 'EntryNotFound' },
    })
    expect(message).toContain('no such repository, revision or file')
    expect(await list()).toEqual([])
  })

  test('of several in the repository has to be named, if none is of a preferred type', async () => {
    hub.files.set(`${repo}/a.gguf`, { bytes: story })
    expect(await failure(source({}))).toMatchObject({
      code: 'bad-model',
      details: { found: expect.arrayContaining(['a.gguf', file]) },
    })
    hub.files.set(`${repo}/tale-Q8_0.gguf`, { bytes: tale })
    expect((await readFile(source({}))).loaded).toBe(tale.length)
  })
})

test.describe('a download', () => {
  test('that drops is taken up where it dropped, and no byte is fetched twice', async () => {
    const { ended } = await loadToTheMiddle(source())
    hub.drop()
    expect(await ended).toMatchObject({ ids, fetched: story.length, loaded: story.length })
    expect(hub.served.map(({ range }) => range)).toEqual([undefined, `bytes=${middle}-`])
    expect(await list()).toMatchObject([{ complete: true, bytes: story.length }])
  })

  test('that drops early and often comes whole', async () => {
    for (const dropAt of [10, 50_000, 100_000]) hub.misbehave(name, { dropAt })
    expect(await readFile(source())).toMatchObject({ fetched: story.length, loaded: story.length })
    expect(await list()).toMatchObject([{ complete: true }])
  })

  test('that drops is read over where the server gives no ranges', async () => {
    const { ended } = await loadToTheMiddle(source())
    hub.misbehave(name, { noRanges: true })
    hub.drop()
    expect(await ended).toMatchObject({ ids, fetched: middle + story.length, loaded: story.length })
  })

  test('goes on after its tab was closed', async () => {
    hub.reset()
    await loadToTheMiddle(source())
    await page.close()
    page = await openPage()
    expect(await list()).toMatchObject([{ complete: false, bytes: middle, totalBytes: story.length }])
    const resumed = await load(source())
    expectResumed(resumed, story)
    expect(resumed.ids).toEqual(ids)
  })

  test('goes on after an abort', async () => {
    const { ended } = await loadToTheMiddle(source())
    await page.evaluate(() => hubHarness.abort())
    expect(String(await ended)).toContain('Aborted during')
    expect(await list()).toMatchObject([{ complete: false, bytes: middle }])
    expectResumed(await readFile(source()), story)
  })

  test('of a file that has changed meanwhile starts over, told by its hash or its ETag', async () => {
    for (const model of [source(), plainUrl()]) {
      hub.reset()
      hub.files.set(name, { bytes: story })
      const { ended } = await loadToTheMiddle(model)
      await page.evaluate(() => hubHarness.abort())
      await ended
      hub.files.set(name, { bytes: tale })
      expect(await readFile(model)).toMatchObject({ fetched: tale.length, loaded: tale.length })
      await page.evaluate(model => hubHarness.models.delete(model), model)
    }
  })

  test('of a file that changes while it is read starts over once', async () => {
    hub.files.set(name, { bytes: otherStory })
    hub.reset()
    const { ended } = await loadToTheMiddle(plainUrl(), { becomes: story })
    hub.drop()
    expect(await ended).toMatchObject({ ids })
    expect(await list()).toMatchObject([{ complete: true }])
  })

  test('with a wrong byte is fetched once more', async () => {
    hub.reset()
    hub.misbehave(name, { wrongAt: story.length - 100 })
    expect((await load(source())).ids).toEqual(ids)
    expect(hub.served.map(({ range }) => range)).toEqual([undefined, undefined])
    expect(await list()).toMatchObject([{ complete: true }])
  })

  test('that is wrong twice is an error, and nothing is kept', async () => {
    hub.misbehave(name, { wrongAt: story.length - 100, times: 2 })
    const { code, details } = await failure(source())
    expect({ code, details }).toMatchObject({ code: 'download', details: { damaged: true } })
    expect(details.found).toMatch(/^[0-9a-f]{64}$/)
    expect(hub.served).toHaveLength(2)
    expect(await list()).toEqual([])
  })

  test('whose header is wrong is not kept', async () => {
    hub.misbehave(name, { wrongAt: 4 })
    expect((await failure(source())).code).toBe('bad-model')
    expect(await list()).toEqual([])
    expect((await readFile(source())).loaded).toBe(story.length)
  })

  test('waits as the server asks, if that is not too long', async () => {
    hub.misbehave(name, { status: 429, retryAfter: 1 })
    const begin = Date.now()
    expect((await readFile(source())).loaded).toBe(story.length)
    expect(Date.now() - begin).toBeGreaterThanOrEqual(1000)
    hub.misbehave(name, { status: 429, retryAfter: 3600 })
    await page.evaluate(model => hubHarness.models.delete(model), source())
    const { message, details } = await failure(source())
    expect(details).toMatchObject({ status: 429, retryAfterSeconds: 3600 })
    expect(message).toContain('3600 seconds')
  })

  test('that does not fit into what the browser grants is not stored, with a warning', async () => {
    await tellWorkers('navigator.storage.estimate = async () => ({ quota: 150_000, usage: 50_000 })')
    const { loaded, warnings } = await readFile(source())
    expect(loaded).toBe(story.length)
    expect(warnings).toEqual([
      expect.stringContaining(`needs ${story.length} bytes more, the browser has room for 100000`),
    ])
    expect(await list()).toEqual([])
  })

  test('that exceeds a quota that the browser did not tell is stored as far as it goes', async () => {
    const session = await context.newCDPSession(page)
    const { origin } = new URL(pages.url)
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 120_000 })
    const { loaded, warnings } = await readFile(source())
    expect(loaded).toBe(story.length)
    expect(warnings).toEqual([expect.stringContaining('no room')])
    const [part] = await list()
    expect(part?.complete ?? false).toBe(false)
    await session.send('Storage.overrideQuotaForOrigin', { origin })
    expect(await load(source())).toMatchObject({
      ids,
      fetched: story.length - (part?.bytes ?? 0),
      warnings: [],
    })
  })

  test('is not stored where the browser refuses storage, with a warning', async () => {
    await tellWorkers(
      "navigator.storage.getDirectory = async () => { throw new Error('not in private windows') }",
    )
    expect(await readFile(source())).toMatchObject({
      loaded: story.length,
      warnings: [expect.stringContaining('not in private windows')],
    })
    expect(await list()).toEqual([])
  })

  test('in two tabs at once is stored by the first', async () => {
    const { ended } = await loadToTheMiddle(source())
    const second = await openPage()
    const { warnings, loaded } = await second.evaluate(model => hubHarness.read(model), source())
    expect(loaded).toBe(story.length)
    expect(warnings).toEqual([expect.stringContaining('another tab')])
    await page.evaluate(() => hubHarness.abort())
    await ended
    expect(await list()).toMatchObject([{ complete: false, bytes: middle }])
  })
})

test.describe('a split model', () => {
  const first = 'split-00001-of-00003.gguf'
  let parts: Record<string, Uint8Array<ArrayBuffer>>
  test.beforeAll(async () => {
    parts = await splitModel(story, 3)
  })

  test('is loaded by any of its parts, and listed and deleted as one', async () => {
    const numBytes = Object.values(parts).reduce((sum, { length }) => sum + length, 0)
    for (const [part, bytes] of Object.entries(parts)) hub.files.set(`${repo}/${part}`, { bytes })
    hub.reset()
    const loaded = await load(source({ file: 'split-00002-of-00003.gguf' }))
    expect(loaded).toMatchObject({ ids, loaded: numBytes, total: numBytes })
    expect(await list()).toMatchObject([{ name: first, bytes: numBytes, complete: true }])
    hub.reset()
    expect(await readFile(source({ file: first }))).toMatchObject({ fetched: 0 })
    expect(hub.served).toEqual([])
    expect(await page.evaluate(model => hubHarness.models.delete(model), source({ file: first }))).toBe(true)
    expect(await list()).toEqual([])
  })

  test('is fetched part beside part, and each part goes on by itself', async () => {
    for (const [part, bytes] of Object.entries(parts)) hub.files.set(`${repo}/${part}`, { bytes })
    const stalledAt = parts[first]!.length - 2048
    hub.misbehave(`${repo}/${first}`, { stallAt: stalledAt })
    const model = source({ file: first })
    const ended = readFile(model).catch((error: unknown) => error)
    const [second, third] = Object.values(parts)
      .slice(1)
      .map(({ length }) => length)
    await expect.poll(async () => (await list())[0]?.bytes).toBe(stalledAt + second! + third!)
    await page.evaluate(() => hubHarness.abort())
    await ended
    expect(await readFile(model)).toMatchObject({ fetched: 2048 })
    expect(await list()).toMatchObject([{ complete: true }])
  })

  test('is loaded from a directory, and refused as a part alone', async () => {
    const fromDirectory = await page.evaluate(
      async files => hubHarness.read(await hubHarness.directoryWith(files)),
      parts,
    )
    expect(fromDirectory).toMatchObject({ fetched: 0 })
    const alone = await page.evaluate(bytes => hubHarness.failure(new Blob([bytes])), parts[first]!)
    expect(alone).toMatchObject({ code: 'bad-model', details: { key: 'split.count', expected: 3, found: 1 } })
    expect(await list()).toEqual([])
  })
})

test.describe('a folder of safetensors', () => {
  const fixtures = new URL('../packages/engine/fixtures/', import.meta.url)
  const bytesOf = (path: string) => new Uint8Array(readFileSync(new URL(path, fixtures)))
  const files = Object.fromEntries(
    readdirSync(new URL('llama-3.2', fixtures)).map(name => [name, bytesOf(`llama-3.2/${name}`)]),
  )
  const sum = (names: string[]) => names.reduce((sum, name) => sum + files[name]!.length, 0)
  const shards = [1, 2, 3].map(i => `model-0000${i}-of-00003.safetensors`)
  const [first, second] = shards as [string, string]
  const folderUrl = () => `${hub.url}/${repo}/resolve/main/`
  /** What the GGUF file of the same weights answers. */
  let ggufIds: number[]

  test.beforeEach(async () => {
    hub.files.clear()
    for (const [name, bytes] of Object.entries(files)) hub.files.set(`${repo}/${name}`, { bytes })
    ggufIds ??= (await page.evaluate(file => hubHarness.load(new Blob([file])), bytesOf('llama-3.2.gguf')))
      .ids
  })

  test('is loaded by its repository alone and stored, found when the hub is away, listed and deleted as one', async () => {
    const loaded = await load(source({}))
    expect(loaded).toMatchObject({
      ids: ggufIds,
      fetched: sum(shards),
      loaded: sum(shards),
      total: sum(shards),
    })
    expect(hub.served.map(({ file }) => file).sort()).toContain(`${repo}/config.json`)
    const bytes = sum(Object.keys(files))
    expect(await list()).toEqual([
      expect.objectContaining({ url: folderUrl(), name: repo, bytes, totalBytes: bytes, complete: true }),
    ])
    hub.reset()
    hub.files.clear()
    for (const model of [source({}), folderUrl(), source({ file: second })]) {
      expect(await readFile(model)).toMatchObject({ fetched: 0, loaded: sum(shards) })
    }
    expect(hub.served).toEqual([])
    expect(await page.evaluate(url => hubHarness.models.delete(url), folderUrl())).toBe(true)
    expect(await list()).toEqual([])
  })

  test('is fetched shard beside shard, and each goes on by itself after an abort', async () => {
    const stallAt = files[first]!.length - 2048
    hub.misbehave(`${repo}/${first}`, { stallAt })
    const ended = readFile(source({})).catch((error: unknown) => error)
    await expect.poll(async () => (await list())[0]?.bytes).toBe(sum(Object.keys(files)) - 2048)
    expect(await list()).toMatchObject([{ complete: false }])
    await page.evaluate(() => hubHarness.abort())
    await ended
    expect(await load(source({}))).toMatchObject({ ids: ggufIds, fetched: 2048 })
    expect(await list()).toMatchObject([{ complete: true }])
  })

  test('with a wrong byte in a shard is fetched once more, that shard alone', async () => {
    hub.misbehave(`${repo}/${second}`, { wrongAt: files[second]!.length - 100, times: 2 })
    expect((await load(source({}))).ids).toEqual(ggufIds)
    expect(await list()).toMatchObject([{ complete: true }])
  })

  test('of an architecture that is not supported is refused by name, and nothing of it is kept', async () => {
    const config = { ...JSON.parse(new TextDecoder().decode(files['config.json'])), model_type: 'gpt2' }
    hub.files.set(`${repo}/config.json`, { bytes: new TextEncoder().encode(JSON.stringify(config)) })
    const { code, message, details } = await failure(source({}))
    expect({ code, details }).toMatchObject({ code: 'bad-model', details: { found: 'gpt2' } })
    expect(message).toContain('Supported: llama, mistral, qwen2')
    expect(await list()).toEqual([])
  })

  test('is looked at by its headers, and loaded from a directory, from Files and quantised', async () => {
    const { downloadBytes } = await page.evaluate(model => hubHarness.preflight(model), source({}))
    expect(downloadBytes).toBe(sum(Object.keys(files)))
    expect(await list()).toEqual([])
    const found = await page.evaluate(async files => {
      const picked = Object.entries(files).map(([name, bytes]) => new File([bytes], name))
      const directory = await hubHarness.directoryWith(files)
      return {
        ids: [(await hubHarness.load(directory)).ids, (await hubHarness.load(picked)).ids],
        plain: (await hubHarness.preflight(picked)).format,
        quantised: (await hubHarness.preflight(picked, { quantize: 'q8_0' })).format,
        wrong: await hubHarness.failure(picked, { quantize: 'q2_k' as 'q8_0' }),
      }
    }, files)
    expect(found).toMatchObject({ ids: [ggufIds, ggufIds], plain: 'f16', quantised: 'q8_0' })
    expect(found.wrong).toMatchObject({ code: 'bad-request', details: { argument: 'quantize' } })
  })
})

test.describe('handles', () => {
  test('of a file and of its directory give what is in them', async () => {
    const loads = await page.evaluate(async file => {
      const directory = await hubHarness.directoryWith({ 'story.gguf': file })
      const handle = await directory.getFileHandle('story.gguf')
      return [await hubHarness.read(handle), await hubHarness.read(directory)]
    }, story)
    for (const each of loads) expect(each).toMatchObject({ fetched: 0, loaded: story.length })
  })

  test('of a directory without a model are refused with what is there', async () => {
    const refused = await page.evaluate(async file => {
      return hubHarness.failure(await hubHarness.directoryWith({ 'notes.txt': file }))
    }, story)
    expect(refused).toMatchObject({ code: 'bad-model', details: { folder: 'picked', found: ['notes.txt'] } })
  })
})

test('the storage tells its size, and models are deleted one by one or by repository', async () => {
  hub.files.set(`${repo}/tale.gguf`, { bytes: tale })
  await readFile(source())
  await readFile(source({ file: 'tale.gguf' }))
  const { bytes, quotaBytes } = await page.evaluate(() => hubHarness.models.size())
  expect(bytes).toBe(story.length + tale.length)
  expect(quotaBytes).toBeGreaterThan(bytes)
  const [first] = await list()
  expect(await page.evaluate(url => hubHarness.models.delete(url), first!.url)).toBe(true)
  expect(await page.evaluate(url => hubHarness.models.delete(url), first!.url)).toBe(false)
  expect(await list()).toMatchObject([{ name: 'tale.gguf' }])
  await page.evaluate(model => hubHarness.models.delete(model), source({}))
  expect(await list()).toEqual([])
  const wrong = await page.evaluate(() => hubHarness.models.delete('bundled').catch(({ code }) => code))
  expect(wrong).toBe('bad-request')
})

test('preflight reads the header alone, and stores nothing', async () => {
  const { downloadBytes } = await page.evaluate(model => hubHarness.preflight(model), source())
  expect(downloadBytes).toBeGreaterThan(0)
  expect(await list()).toEqual([])
})
