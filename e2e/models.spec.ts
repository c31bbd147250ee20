/** Where models come from and how they are kept: the public package against a Hub in a box. */
import { expect, test } from '@playwright/test'
import {
  context,
  expectResumed,
  expectStored,
  failure,
  file,
  hub,
  ids,
  list,
  load,
  middle,
  name,
  openPage,
  otherStory,
  page,
  pages,
  plainUrl,
  readFile,
  reopen,
  repo,
  source,
  story,
  tale,
  tellWorkers,
  toTheMiddle,
  useHub,
} from './hub/hub-case'

useHub()

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
    const { ended } = await toTheMiddle(readFile, source())
    hub.drop()
    expect(await ended).toMatchObject({ fetched: story.length, loaded: story.length })
    expect(hub.served.map(({ range }) => range)).toEqual([undefined, `bytes=${middle}-`])
    await expectStored({ [file]: story })
  })

  test('that drops early and often comes whole', async () => {
    for (const dropAt of [10, 50_000, 100_000]) hub.misbehave(name, { dropAt })
    expect(await readFile(source())).toMatchObject({ fetched: story.length, loaded: story.length })
    await expectStored({ [file]: story })
  })

  test('that drops is read over where the server gives no ranges', async () => {
    const { ended } = await toTheMiddle(readFile, source())
    hub.misbehave(name, { noRanges: true })
    hub.drop()
    expect(await ended).toMatchObject({ fetched: middle + story.length, loaded: story.length })
    await expectStored({ [file]: story })
  })

  test('goes on after its tab was closed', async () => {
    hub.reset()
    await toTheMiddle(readFile, source())
    await page.close()
    await reopen()
    expect(await list()).toMatchObject([{ complete: false, bytes: middle, totalBytes: story.length }])
    const resumed = await load(source())
    expectResumed(resumed, story)
    expect(resumed.ids).toEqual(ids)
  })

  test('goes on after an abort', async () => {
    const { ended } = await toTheMiddle(readFile, source())
    await page.evaluate(() => hubHarness.abort())
    expect(String(await ended)).toContain('Aborted during')
    expect(await list()).toMatchObject([{ complete: false, bytes: middle }])
    expectResumed(await readFile(source()), story)
    await expectStored({ [file]: story })
  })

  test('of a file that has changed meanwhile starts over, told by its hash or its ETag', async () => {
    for (const model of [source(), plainUrl()]) {
      hub.reset()
      hub.files.set(name, { bytes: story })
      const { ended } = await toTheMiddle(readFile, model)
      await page.evaluate(() => hubHarness.abort())
      await ended
      hub.files.set(name, { bytes: tale })
      expect(await readFile(model)).toMatchObject({ fetched: tale.length, loaded: tale.length })
      await expectStored({ [file]: tale })
      await page.evaluate(model => hubHarness.models.delete(model), model)
    }
  })

  test('of a file that changes while it is read starts over once', async () => {
    hub.files.set(name, { bytes: otherStory })
    hub.reset()
    const { ended } = await toTheMiddle(load, plainUrl(), { becomes: story })
    hub.drop()
    expect(await ended).toMatchObject({ ids })
    await expectStored({ [file]: story })
  })

  test('with a wrong byte is fetched once more', async () => {
    hub.reset()
    hub.misbehave(name, { wrongAt: story.length - 100 })
    expect((await readFile(source())).loaded).toBe(story.length)
    expect(hub.served.map(({ range }) => range)).toEqual([undefined, undefined])
    await expectStored({ [file]: story })
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
    const fetched = story.length - (part?.bytes ?? 0)
    expect(await readFile(source())).toMatchObject({ fetched, warnings: [] })
    await expectStored({ [file]: story })
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
    const { ended } = await toTheMiddle(readFile, source())
    const second = await openPage()
    const { warnings, loaded } = await second.evaluate(model => hubHarness.read(model), source())
    expect(loaded).toBe(story.length)
    expect(warnings).toEqual([expect.stringContaining('another tab')])
    await page.evaluate(() => hubHarness.abort())
    await ended
    expect(await list()).toMatchObject([{ complete: false, bytes: middle }])
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
