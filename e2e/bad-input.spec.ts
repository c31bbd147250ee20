/** Whatever goes in, a named error with details comes out, and the page goes on. Through the public package. */
import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { type Browser, chromium, expect, type Page, test } from '@playwright/test'
import { findBrowser, launchArgs } from '../scripts/browser.mjs'
import type { Failure } from './bad-input/harness'
import { type HarnessServer, serveHarness } from './bad-input/harness-server'
import { MisbehavingServer } from './bad-input/misbehaving-server'
import {
  lyingHeaders,
  lyingModels,
  type ModelParts,
  noModels,
  type OddModel,
  rewritten,
  strangeDrafts,
  takeApart,
  unsupportedModels,
  withoutTensors,
  wrongTensors,
} from './bad-input/odd-model'
import { type WrongOptions, wrongChats, wrongLoads, wrongRequests } from './bad-input/wrong-options'

const file = readFileSync(new URL('../packages/tiny-models/stories40K-f32.gguf', import.meta.url))
const anything = expect.anything()
/** For workers: a tenth of the seconds between attempts. */
const shortWaits =
  'const { setTimeout: wait } = globalThis; globalThis.setTimeout = (then, ms) => wait(then, ms / 10)'

let harnessServer: HarnessServer
let server: MisbehavingServer
let page: Page
let parts: ModelParts
/** Ids of the usual model's answers. */
let expected: number[][]

async function openHarness(browser: Browser): Promise<Page> {
  const opened = await browser.newPage()
  await opened.goto(harnessServer.url)
  await opened.waitForFunction(() => 'harness' in globalThis)
  return opened
}

test.beforeAll(async ({ browser }) => {
  harnessServer = await serveHarness()
  server = await MisbehavingServer.start(file)
  parts = await takeApart(new Uint8Array(file))
  page = await openHarness(browser)
  expected = await page.evaluate(() => harness.freshAnswer())
})

test.afterAll(async () => {
  await page?.close()
  server?.close()
  await harnessServer?.close()
})

const fileFailures = (files: Uint8Array<ArrayBuffer>[]) =>
  page.evaluate(all => harness.fileFailures(all), files)

function expectOdd(models: readonly OddModel[], failures: readonly Failure[]): void {
  models.forEach(({ name, details }, i) => {
    expect.soft(failures[i], name).toMatchObject({ code: 'bad-model', details })
  })
}

const expectOddFiles = async (models: readonly OddModel[]) =>
  expectOdd(models, await fileFailures(models.map(({ bytes }) => bytes)))

/** Where in the file, what should stand there and what does. */
function expectFinding(name: string, { code, details }: Failure): void {
  const { offset, key } = details
  expect.soft(offset ?? key, `${name}: where`).toBeDefined()
  expect.soft({ code, details }, name).toMatchObject({
    code: 'bad-model',
    details: { expected: anything, found: anything },
  })
}

function expectBroken(models: readonly OddModel[], failures: readonly Failure[]): void {
  expectOdd(models, failures)
  models.forEach(({ name }, i) => {
    expectFinding(name, failures[i]!)
  })
}

function expectRefused({ options, argument }: WrongOptions, { code, details }: Failure): void {
  expect.soft({ code, details }, inspect(options)).toMatchObject({
    code: 'bad-request',
    details: { argument, allowed: anything },
  })
  expect.soft(Object.keys(details), inspect(options)).toContain('value')
}

/** Half of the places inside the header, half inside the tensors. */
function places(count: number): number[] {
  const { dataOffset } = parts
  return Array.from({ length: count }, (_, i) => {
    const share = (2 * i) / count
    return Math.floor(share < 1 ? share * dataOffset : dataOffset + (share - 1) * (file.length - dataOffset))
  })
}

function expectCut(place: number, failure: Failure): void {
  expectFinding(`cut at ${place}`, failure)
  const { expected, found } = failure.details
  if (place >= 4) expect.soft(found, `cut at ${place}`).toBeLessThan(Number(expected))
}

test.describe('a model file', () => {
  test('that is none', async () => {
    const models = noModels(parts)
    expectBroken(models, await fileFailures(models.map(({ bytes }) => bytes)))
  })

  test('cut at any of 50 places', async () => {
    const cuts = places(50)
    const failures = await fileFailures(cuts.map(place => parts.bytes.slice(0, place)))
    cuts.forEach((place, i) => {
      expectCut(place, failures[i]!)
    })
  })

  test('whose lengths and offsets lie', async () => {
    const models = lyingHeaders(parts)
    expectBroken(models, await fileFailures(models.map(({ bytes }) => bytes)))
  })
  test('whose metadata lie', () => expectOddFiles(lyingModels(parts)))
  test('of an architecture or tensor type that is not supported', () =>
    expectOddFiles(unsupportedModels(parts)))
  test('with a missing, misshapen or strange tensor', () => expectOddFiles(wrongTensors(parts)))

  test('without any tensor', () => expectOddFiles([withoutTensors(parts)]))

  test('of any of these kinds, in the words of preflight', async () => {
    const odd = [noModels, lyingHeaders, lyingModels, unsupportedModels, wrongTensors].flatMap(make =>
      make(parts),
    )
    const files = odd.map(({ bytes }) => bytes)
    const foretold = await page.evaluate(all => harness.preflightFailures(all), files)
    expectOdd(odd, foretold)
    // A look at the headers that knows better than loading would be as wrong as one that knows less.
    const some = odd.flatMap((_, i) => (i % 5 === 0 ? [i] : []))
    expect(some.map(i => foretold[i])).toEqual(await fileFailures(some.map(i => files[i]!)))
  })

  test('that cannot draft for the model', async () => {
    const drafts = strangeDrafts(parts)
    const failures = await page.evaluate(
      files => harness.loadFailures(files.map(draft => ({ model: harness.model, draft: new Blob([draft]) }))),
      drafts.map(({ bytes }) => bytes),
    )
    drafts.forEach(({ name, details }, i) => {
      expect.soft(failures[i], name).toMatchObject({ code: 'bad-model', details })
      expect.soft(failures[i]!.details, name).toMatchObject({ expected: anything, found: anything })
    })
  })
})

// The page goes on after all of these, and what the odd ones are made of is sound.
test('a model file written anew answers alike', async () => {
  expect(await page.evaluate(file => harness.freshAnswer(file), rewritten(parts))).toEqual(expected)
})

test.describe('a server', () => {
  const failuresAt = (paths: readonly string[], asking = page) =>
    asking.evaluate(
      urls => harness.loadFailures(urls.map(model => ({ model }))),
      paths.map(path => server.url(path)),
    )

  test('that gives a cut file', async () => {
    const cuts = places(6)
    const paths = cuts.flatMap(place => [`cut/${place}`, `cut-unannounced/${place}`])
    const failures = await failuresAt(paths)
    failures.forEach((failure, i) => {
      expectCut(cuts[Math.floor(i / 2)]!, failure)
    })
  })

  test('that gives a file whose lengths and offsets lie, and no length', async () => {
    const models = lyingHeaders(parts)
    const paths = models.map(({ bytes }) => server.give(bytes))
    expectBroken(models, await failuresAt(paths))
  })

  test('that refuses, fails, drops the connection or gives something else', async ({ browser }) => {
    const paths = ['status/404', 'status/500', 'dropped', 'closed', 'page']
    const hasty = await openHarness(browser)
    await hasty.evaluate(script => harness.tellWorkers(script), shortWaits)
    const [missing, broken, dropped, closed, html] = await failuresAt(paths, hasty)
    await hasty.close()
    const download = (path: string, details: object) => ({
      code: 'download',
      details: { url: server.url(path), reason: expect.stringMatching(/./), ...details },
    })
    expect.soft(missing).toMatchObject(download('status/404', { status: 404 }))
    expect.soft(broken).toMatchObject(download('status/500', { status: 500 }))
    expect.soft(closed).toMatchObject(download('closed', { loaded: 0 }))
    expect.soft(dropped).toMatchObject(download('dropped', { expected: file.length }))
    expect.soft(dropped?.details.loaded).toBeLessThan(file.length)
    expect
      .soft(html)
      .toMatchObject({ code: 'bad-model', details: { offset: 0, expected: 'GGUF', found: '"<!do"' } })
  })

  test('that never answers, or stops in the middle: abort ends the wait', async () => {
    for (const path of ['silent', 'stalled']) {
      const failure = page.evaluate(url => harness.abortableLoad(url), server.url(path))
      await expect.poll(() => server.open.has(`/${path}`)).toBe(true)
      if (path === 'stalled') await page.waitForFunction(() => harness.loadedBytes > 0)
      await page.evaluate(() => harness.abort())
      expect.soft(await failure, path).toMatchObject({ code: 'aborted', details: { phase: 'download' } })
      await expect.poll(() => server.open.size, path).toBe(0)
    }
  })
})

test('no adapter: unsupported-device, with what was asked for', async () => {
  const executablePath = await findBrowser()
  const browser = await chromium.launch({
    args: launchArgs({ webgpu: false }),
    ...(executablePath ? { executablePath } : {}),
  })
  try {
    const bare = await openHarness(browser)
    const [failure] = await bare.evaluate(() => harness.loadFailures([{ model: harness.model }]))
    expect(failure).toMatchObject({ code: 'unsupported-device', details: { asked: anything } })
    expect(failure!.message).toMatch(/WebGPU/)
  } finally {
    await browser.close()
  }
})

test.describe('a load', () => {
  test('is aborted before it begins, at once, and in each phase', async () => {
    const failures = await page.evaluate(async () => {
      const early = harness.createEngine({ model: harness.model, signal: AbortSignal.abort() })
      const controller = new AbortController()
      const atOnce = harness.createEngine({ model: harness.model, signal: controller.signal })
      controller.abort()
      return {
        early: await harness.failureOf(early),
        'at once': await harness.failureOf(atOnce),
        download: await harness.abortedLoad('download'),
        upload: await harness.abortedLoad('upload'),
        compile: await harness.abortedLoad('compile'),
        calibrate: await harness.abortedLoad('calibrate'),
      }
    })
    for (const [name, failure] of Object.entries(failures)) {
      expect.soft(failure, name).toMatchObject({ code: 'aborted', details: { phase: expect.any(String) } })
    }
  })

  test('refuses options by name', async () => {
    const wrong = wrongLoads()
    const failures = await page.evaluate(
      all => harness.loadFailures(all.map(options => ({ model: harness.model, ...options }) as never)),
      wrong.map(({ options }) => options),
    )
    wrong.forEach((each, i) => {
      expectRefused(each, failures[i]!)
    })
  })
})

test.describe('a request', () => {
  // By an engine that is loaded after all of the above, and answers as the first did.
  test.beforeAll(() => page.evaluate(() => harness.open({ maxConcurrent: 2 })))
  test.afterAll(() => page.evaluate(() => harness.close()))

  /** Nothing is left over, and the same engine answers as before. */
  test.afterEach(async () => {
    const numRequests = () =>
      page.evaluate(async () => {
        const { num_running, num_waiting } = await harness.engine.stats()
        return num_running + num_waiting
      })
    await expect.poll(numRequests).toBe(0)
    expect(await page.evaluate(() => harness.answer())).toEqual(expected)
  })

  test('longer than the context', async () => {
    const requests = [
      { prompt: undefined, tokens: new Array(512).fill(5) },
      { prompt: 'Once upon a time. '.repeat(200) },
      { prompt: undefined, messages: [{ role: 'user', content: 'Hello there. '.repeat(200) }] },
    ]
    const failures = await page.evaluate(all => harness.generateFailures(all), requests)
    for (const { code, details } of failures) {
      expect.soft(code).toBe('context-full')
      expect.soft(details.context).toBe(512)
      expect.soft(details.tokens).toBeGreaterThanOrEqual(512)
    }
    expect.soft(failures[0]?.details).toMatchObject({ tokens: 512 })
    const scored = await page.evaluate(() =>
      harness.failureOf(harness.engine.forward(new Array(513).fill(5))),
    )
    expect.soft(scored).toMatchObject({ code: 'context-full', details: { tokens: 513, context: 512 } })
  })

  test('with parameters that are out of range, of a wrong type or unknown', async () => {
    const wrong = wrongRequests()
    const all = wrong.map(({ options }) => options)
    const failures = await page.evaluate(requests => harness.generateFailures(requests), all)
    wrong.forEach((each, i) => {
      expectRefused(each, failures[i]!)
    })
  })

  test('with a bigint', async () => {
    const options = { maxTokens: 2n }
    const [failure] = await page.evaluate(all => harness.generateFailures(all), [options])
    expectRefused({ options, argument: 'maxTokens' }, failure!)
  })

  test('in OpenAI’s words, with such parameters', async () => {
    const wrong = wrongChats()
    const all = wrong.map(({ options }) => options)
    const failures = await page.evaluate(requests => harness.chatFailures(requests), all)
    wrong.forEach((each, i) => {
      for (const failure of failures[i]!) expectRefused(each, failure)
    })
  })

  test('is aborted before it begins and in the middle', async () => {
    const aborted = { code: 'aborted', details: { phase: 'generate' } }
    const early = await page.evaluate(() =>
      harness.failureOf(harness.drain(harness.engine.generate({ prompt: 'a', signal: AbortSignal.abort() }))),
    )
    expect(early).toMatchObject(aborted)
    const { failure, numBatches } = await page.evaluate(() => harness.abortedGeneration())
    expect(failure).toMatchObject(aborted)
    expect(numBatches).toBeGreaterThanOrEqual(3)
  })

  test('ends when its consumer leaves the loop', () => page.evaluate(() => harness.leaveEarly()))

  test('too many at once', async () => {
    const { codes, refusal } = await page.evaluate(() => harness.overload(1100))
    const { overloaded = 0, aborted = 0, ...others } = codes
    expect(others).toEqual({})
    expect(overloaded).toBeGreaterThan(0)
    expect(aborted).toBeGreaterThan(0)
    expect(refusal?.details).toMatchObject({ waiting: 1024, limit: 1024 })
  })
})

test('an engine that is disposed of in the middle ends its request and what comes later', async () => {
  for (const failure of await page.evaluate(() => harness.disposedGeneration())) {
    expect(failure).toMatchObject({ code: 'aborted', details: { phase: 'dispose' } })
  }
  expect(await page.evaluate(() => harness.freshAnswer())).toEqual(expected)
})
