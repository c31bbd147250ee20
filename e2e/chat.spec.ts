/** The built chat page, driven as a person does it. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, type Locator, type Page, test } from '@playwright/test'
import { MisbehavingServer } from './bad-input/misbehaving-server'
import { takeApart } from './bad-input/odd-model'
import { requantise } from './bench/requantise'
import { filledUp } from './foreign-draft'
import { HubServer } from './hub/hub-server'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const draftFile = here('../packages/tiny-models/stories40K-f32.gguf')
const modelFile = here('../../shared/models/stories260K-q8_0.gguf')
const prompt = 'Once upon a time, there was a little girl named Lily.'

test.skip(!existsSync(here('../apps/chat/dist/index.html')), 'apps/chat is not built')

let page: Page
let server: MisbehavingServer
let hub: HubServer
/** What the page has complained about since the last test. */
let complaints: string[] = []

/** One page for all tests, so that each does not load a model; every test leaves it ready. */
test.beforeAll(async ({ browser }) => {
  server = await MisbehavingServer.start(readFileSync(draftFile))
  page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
  page.on('console', message => message.type() === 'error' && complaints.push(message.text()))
  page.on('pageerror', error => complaints.push(error.message))
  hub = await HubServer.start()
  await page.goto(`/?hub=${hub.url}`)
  await expectState('ready')
})

test.afterAll(async () => {
  await page?.close()
  server?.close()
  hub?.close()
})

test.beforeEach(async () => {
  complaints = []
  await page.getByTestId('new-conversation').click()
  await mode('Continue text')
  await choose({ speculation: 'auto', temperature: '0.7', seed: '7', maxTokens: '32' })
})

test.afterEach(async () => {
  await expectState('ready')
  expect(complaints).toEqual([])
})

const expectState = (state: string) => expect(page.locator('body')).toHaveAttribute('data-state', state)
const answer = (): Locator =>
  page.locator('[data-testid="message"][data-role="assistant"]').last().locator('.message-text')
const text = async (): Promise<string> => (await answer().textContent())?.trim() ?? ''
const alert = () => page.getByTestId('alert')
const mode = (name: string) => page.getByTestId('mode').getByText(name).click()
const modelButton = () => page.getByTestId('model-open')

interface Settings {
  speculation?: string
  temperature?: string
  seed?: string
  maxTokens?: string
}

async function choose({ speculation, temperature, seed, maxTokens }: Settings): Promise<void> {
  if (speculation) await page.getByTestId('speculation').selectOption(speculation)
  if (temperature) await page.getByTestId('temperature').fill(temperature)
  if (seed) await page.getByTestId('seed').fill(seed)
  if (maxTokens) await page.getByTestId('max-tokens').fill(maxTokens)
}

async function send(from: string): Promise<void> {
  await page.getByTestId('prompt').fill(from)
  await page.getByTestId('send').click()
}

/** The answer's whole text. */
async function generate(from = prompt): Promise<string> {
  await send(from)
  await expect(answer()).not.toBeEmpty()
  await expectState('ready')
  return text()
}

async function regenerate(): Promise<string> {
  await page.getByTestId('regenerate').click()
  await expect(answer()).not.toBeEmpty()
  await expectState('ready')
  return text()
}

/** Drops files on the page as the browser does it. */
async function drop(...files: { name: string; bytes: Uint8Array }[]): Promise<void> {
  const transfer = await page.evaluateHandle(dropped => {
    const data = new DataTransfer()
    for (const { name, bytes } of dropped) data.items.add(new File([bytes as BlobPart], name))
    return data
  }, files)
  await page.dispatchEvent('main', 'dragenter', { dataTransfer: transfer })
  await expect(page.getByText('Drop to load')).toBeVisible()
  await page.dispatchEvent('main', 'drop', { dataTransfer: transfer })
  await expect(page.getByText('Drop to load')).toBeHidden()
}

const read = (path: string, name: string) => ({ name, bytes: new Uint8Array(readFileSync(path)) })

/** The page's model is still the bundled one, and writes. */
async function expectOldModel(): Promise<void> {
  await expectState('ready')
  await expect(modelButton()).toContainText('Foretoken Tales')
  expect((await generate()).length).toBeGreaterThan(20)
  await expect(alert()).toBeHidden()
}

async function loadAddress(path: string): Promise<void> {
  await modelButton().click()
  await page.getByTestId('model-url').fill(server.url(path))
  await page.getByTestId('load').click()
}

test('streams text that grows, the same for the same seed, with figures', async () => {
  await choose({ maxTokens: '96' })
  await page.evaluate(() => {
    const lengths: number[] = []
    const observer = new MutationObserver(() => {
      if (document.body.dataset.state !== 'generating') return
      lengths.push(document.querySelector('[data-role="assistant"] .message-text')?.textContent?.length ?? 0)
    })
    const conversation = document.getElementById('conversation')!
    observer.observe(conversation, { childList: true, subtree: true, characterData: true })
    Object.assign(globalThis, { lengths })
  })
  const written = await generate()
  const lengths = await page.evaluate(() => (globalThis as unknown as { lengths: number[] }).lengths)
  expect(new Set(lengths).size).toBeGreaterThan(3)
  expect(lengths).toEqual(lengths.toSorted((a, b) => a - b))
  expect(written).toMatch(/^[A-Z][a-z]+( [A-Za-z',.]+){5}/)
  await expect(page.getByTestId('figure-rate')).toHaveText(/^[\d,.]+$/)
  await expect(page.getByTestId('figure-per-step')).toHaveText(/^\d\.\d\d$/)
  await expect(page.getByTestId('figure-steps')).toHaveText(/^\d+$/)
  await expect(page.locator('.message-figures')).toHaveText(
    /^96 tokens · .* per second · .* seed 7 · length limit$/,
  )

  expect(await regenerate()).toBe(written)
  await choose({ seed: '8' })
  expect(await regenerate()).not.toBe(written)
})

test('offers what the bundled model can do: a story, an edit, a quotation', async () => {
  await mode('Chat')
  await choose({ temperature: '0', maxTokens: '256' })
  const starter = (name: string) => page.getByTestId('starter').filter({ hasText: name })
  for (const [name, expected] of [
    ['story about a fox', /\bfox\b.*\w+[.”"]$/s],
    ['Change Flora to Greta', /^The king sent for Greta (?!.*Flora).* to the sea\.$/],
    ['mention the road', /by the road when she came/],
    ['TypeScript', /^function addPrice.*console\.log\(total\)/s],
  ] as const) {
    await page.getByTestId('new-conversation').click()
    await starter(name).click()
    await expect(answer()).not.toBeEmpty()
    await expectState('ready')
    expect(await text()).toMatch(expected)
  }
})

test('stops, keeps what is written and goes on from there', async () => {
  await choose({ maxTokens: '400' })
  await send(prompt)
  await expect(answer()).not.toBeEmpty()
  await page.getByTestId('stop').click()
  await expectState('ready')
  await expect(page.locator('.message-figures')).toContainText('stopped')
  const written = await text()
  expect(written).not.toBe('')
  await choose({ maxTokens: '8' })
  await page.getByTestId('go-on').click()
  await expect.poll(async () => (await text()).length).toBeGreaterThan(written.length)
  await expectState('ready')
  expect(await text()).toContain(written)
})

test('writes the same text with lookup as without, and shows what lookup did', async () => {
  const repetitive = 'Lily saw a cat. The cat saw Lily. Lily saw a cat. The cat saw Lily. Lily saw a'
  await choose({ speculation: 'off' })
  const plain = await generate(repetitive)
  await expect(page.getByTestId('figure-last')).toHaveText('No guessing')
  await expect(page.getByTestId('figure-acceptance')).toHaveText('–')
  await expect(page.getByTestId('figure-per-step')).toHaveText('1.00')

  await choose({ speculation: 'lookup' })
  expect(await regenerate()).toBe(plain)
  await expect(page.getByTestId('figure-acceptance')).toHaveText(/^\d+ %$/)
  await expect(page.locator('#share-list')).toContainText('Lookup')
  await page.getByTestId('tint').check()
  await expect(answer().locator('.run-lookup').first()).toBeVisible()
  await page.getByTestId('tint').uncheck()
  await expect(answer().locator('.run-lookup')).toHaveCount(0)
})

test('says what is wrong with a broken file, and keeps the model', async () => {
  const whole = read(draftFile, 'cut.gguf')
  await drop({ ...whole, bytes: whole.bytes.subarray(0, 100_000) })
  await expect(alert()).toContainText('This file cannot be used as a model')
  await expect(alert()).toContainText('The file ends inside tensor')
  await expectOldModel()

  await drop({ name: 'page.gguf', bytes: new TextEncoder().encode('<!doctype html>') })
  await expect(alert()).toContainText('Not a GGUF file')
  await alert().getByRole('button', { name: 'Dismiss' }).click()
  await expect(alert()).toBeHidden()

  await drop({ name: 'letter.txt', bytes: new TextEncoder().encode('Dear Lily') })
  await expect(alert()).toContainText('no .gguf file')
  await expectOldModel()
})

test('says that an address is wrong, and keeps the model', async () => {
  await loadAddress('status/404')
  await expect(alert()).toContainText('The download failed')
  await expect(alert()).toContainText('404')
  await expect(alert().getByRole('button', { name: 'Try again' })).toBeVisible()
  await expectOldModel()
  // The browser itself reports the status.
  complaints = complaints.filter(words => !words.includes('404'))
})

test('cancels a load, and keeps the model', async () => {
  await loadAddress('stalled')
  await expectState('loading')
  await expect(page.getByRole('region', { name: 'Loading' })).toContainText('Downloading the model')
  await page.getByTestId('load-cancel').click()
  await expectOldModel()
  await expect.poll(() => server.open.size).toBe(0)
})

test('is operated by the keyboard alone', async () => {
  await choose({ maxTokens: '400' })
  const header = ['Change the model', 'New conversation', 'Theme', 'Settings']
  const order = [
    ...header.map(name => page.getByRole('button', { name })),
    page.getByRole('log', { name: 'Conversation' }),
    ...(await page.getByTestId('starter').all()),
    page.getByTestId('prompt'),
    page.getByRole('radio', { name: 'Continue text' }),
    page.getByTestId('tint'),
    page.getByTestId('speculation'),
  ]
  await page.locator('.skip').focus()
  for (const next of order) {
    await page.keyboard.press('Tab')
    await expect(next).toBeFocused()
  }
  await page.locator('.skip').focus()
  await page.keyboard.press('Enter')
  await expect(page.getByTestId('prompt')).toBeFocused()
  await page.keyboard.type('One day,')
  await page.keyboard.press('Shift+Enter')
  await page.keyboard.type('Tom')
  await expect(page.getByTestId('prompt')).toHaveValue('One day,\nTom')
  await page.keyboard.press('Enter')
  await expectState('generating')
  await expect(answer()).not.toBeEmpty()
  await page.keyboard.press('Escape')
  await expectState('ready')
  await expect(page.locator('.message-figures')).toContainText('stopped')
  await expect(page.getByTestId('prompt')).toBeFocused()

  await modelButton().focus()
  await page.keyboard.press('Enter')
  await expect(page.getByRole('dialog').getByRole('radio', { checked: true })).toBeFocused()
  await page.keyboard.press('Escape')
  await expect(page.getByRole('dialog')).toBeHidden()
  await expect(modelButton()).toBeFocused()
})

test('names its parts for a screen reader', async () => {
  await generate()
  const named = [
    page.getByRole('heading', { level: 1, name: 'Foretoken' }),
    page.getByRole('button', { name: 'Change the model: Foretoken Tales' }),
    page.getByRole('log', { name: 'Conversation' }),
    page.getByRole('article').filter({ has: page.getByRole('heading', { name: 'Your text' }) }),
    page.getByRole('article').filter({ has: page.getByRole('heading', { name: 'Model' }) }),
    page.getByRole('textbox', { name: 'Text to continue' }),
    page.getByRole('group', { name: 'What the model does with the text' }),
    page.getByRole('radio', { name: 'Continue text', checked: true }),
    page.getByRole('status'),
    page.getByRole('button', { name: 'Send' }),
    page.getByRole('complementary', { name: 'Figures and settings' }),
    page.getByRole('checkbox', { name: 'Show where tokens came from' }),
    page.getByRole('combobox', { name: 'Speculation' }),
    page.getByRole('slider', { name: 'Temperature' }),
    page.getByRole('spinbutton', { name: 'Seed' }),
    page.getByRole('spinbutton', { name: 'Longest answer' }),
  ]
  for (const part of named) await expect.soft(part).toHaveCount(1)
  await expect(page.locator('#announcer')).toHaveText(/^Answer complete, \d+ tokens\./)
  const nameless = page.locator('button, input, select, textarea').filter({ visible: true })
  for (const control of await nameless.all()) await expect.soft(control).toHaveAccessibleName(/\w/)
})

test('fits a narrow page', async () => {
  await page.setViewportSize({ width: 390, height: 844 })
  try {
    await expect(page.getByTestId('speculation')).toBeHidden()
    const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
    expect(await overflow()).toBeLessThanOrEqual(0)
    await page.getByTestId('panel-toggle').click()
    await expect(page.getByTestId('speculation')).toBeVisible()
    expect(await overflow()).toBeLessThanOrEqual(0)
    await page.keyboard.press('Escape')
    await expect(page.getByTestId('panel-toggle')).toBeFocused()
  } finally {
    await page.setViewportSize({ width: 1280, height: 800 })
  }
})

test.describe('with stories260K', () => {
  test.skip(!existsSync(modelFile), 'there is no ../shared/models/stories260K-q8_0.gguf')
  const model = () => read(modelFile, 'stories260K-q8_0.gguf')

  test('runs a dropped model file', async () => {
    await drop(model())
    await expectState('loading')
    await expectState('ready')
    await expect(modelButton()).toContainText('stories260K-q8_0.gguf')
    await choose({ temperature: '0' })
    expect(await generate()).toMatch(/^[A-Z]\w+( \w+){3}/)
    await expect(page.getByTestId('speculation').locator('option[value="draft"]')).toBeDisabled()
  })

  test('runs a dropped pair: with the draft the same text as without', async () => {
    await drop(read(draftFile, 'stories40K-f32.gguf'), model())
    await expectState('loading')
    await expectState('ready')
    await expect(page.locator('#facts')).toContainText('39.6K')
    await choose({ speculation: 'off' })
    const plain = await generate()
    await choose({ speculation: 'draft' })
    expect(await regenerate()).toBe(plain)
    await expect(page.getByTestId('figure-acceptance')).toHaveText(/^\d+ %$/)
    await choose({ speculation: 'auto' })
    expect(await regenerate()).toBe(plain)
  })
})

test('tells of a listed model what it takes, whether it fits and how its draft goes with it, and loads it', async () => {
  const story = new Uint8Array(readFileSync(draftFile))
  const tale = new Uint8Array(readFileSync(here('../packages/tiny-models/tales-tiny-q8_0.gguf')))
  const small = new Uint8Array(await (await requantise(new Blob([story]), 'q4_0')).arrayBuffer())
  // Logits of so many tokens are more than passes may take.
  const wide = filledUp(await takeApart(small), 600_000)
  hub.files.set('HuggingFaceTB/SmolLM2-360M-Instruct-GGUF/smollm2-360m-instruct-q8_0.gguf', { bytes: tale })
  hub.files.set('bartowski/SmolLM2-135M-Instruct-GGUF/SmolLM2-135M-Instruct-Q8_0.gguf', { bytes: story })
  hub.files.set('HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF/smollm2-1.7b-instruct-q4_k_m.gguf', { bytes: wide })
  await modelButton().click()
  const card = (name: string) =>
    page.locator('.model-card').filter({ has: page.getByText(name, { exact: true }) })
  const check = (name: string) => card(name).getByTestId('model-check')

  await card('SmolLM2 1.7B').getByRole('checkbox').uncheck()
  await expect(check('SmolLM2 1.7B')).toContainText('Does not fit this device: The working buffers need')
  await card('Qwen2.5 1.5B').getByRole('radio').check()
  await expect(check('Qwen2.5 1.5B')).toContainText('The download failed')
  await expect(check('SmolLM2 1.7B')).toBeEmpty()
  complaints = complaints.filter(words => !/40[14]/.test(words))

  await card('SmolLM2 360M').getByRole('radio').check()
  await expect(check('SmolLM2 360M')).toContainText(/of graphics memory for .* tokens\. Fits this device\./)
  await expect(check('SmolLM2 360M')).toContainText(
    /have \d+ tokens in common, \d+ % of the smaller vocabulary/,
  )
  await page.getByTestId('load').click()
  await expectState('loading')
  await expectState('ready')
  await expect(modelButton()).toContainText('SmolLM2 360M')
  await mode('Continue text')
  await choose({ speculation: 'draft' })
  await generate()
  await expect(page.getByTestId('figure-per-step')).not.toHaveText('–')
})
