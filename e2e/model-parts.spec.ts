/** Models of several files against a Hub in a box: split GGUF, folders of safetensors, directories. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from '@playwright/test'
import {
  expectStored,
  failure,
  hub,
  ids,
  list,
  load,
  page,
  readFile,
  repo,
  source,
  story,
  useHub,
} from './hub/hub-case'
import { splitModel } from './hub/split-model'

useHub()

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
    await expectStored(parts)
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
    expect(await readFile(source({}))).toMatchObject({ fetched: 2048 })
    await expectStored(files)
  })

  test('with a wrong byte in a shard is fetched once more, that shard alone', async () => {
    hub.misbehave(`${repo}/${second}`, { wrongAt: files[second]!.length - 100, times: 2 })
    await readFile(source({}))
    await expectStored(files)
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
        ids: (await hubHarness.load(directory)).ids,
        loaded: (await hubHarness.read(picked)).loaded,
        plain: (await hubHarness.preflight(picked)).format,
        quantised: (await hubHarness.preflight(picked, { quantize: 'q8_0' })).format,
        wrong: await hubHarness.failure(picked, { quantize: 'q2_k' as 'q8_0' }),
      }
    }, files)
    expect(found).toMatchObject({ ids: ggufIds, loaded: sum(shards), plain: 'f16', quantised: 'q8_0' })
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
