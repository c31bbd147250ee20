import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { ReadProgress } from './byte-stream'
import { GgufReader } from './gguf-reader'
import { writeGguf } from './gguf-writer'
import { hubUrl } from './hub-repo'

const tensorBytes = new Uint8Array(512 * 1024)
const tensors = ['a', 'b'].map(name => ({ name, type: 'f32' as const, dims: [1024, 128], data: tensorBytes }))
const file = writeGguf({ metadata: [['general.name', 'served']], tensors })

let server: Server | undefined

afterEach(() => {
  vi.unstubAllGlobals()
  server?.closeAllConnections()
  server?.close()
  server = undefined
})

async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener)
  await new Promise<void>(resolve => server!.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/some/model%20file.gguf?download=1`
}

async function readAll(reader: GgufReader): Promise<number> {
  let total = 0
  for await (const { data } of reader.rows()) total += data.length
  return total
}

const download = async (url: string) => readAll(await GgufReader.open(url))

describe('a served file', () => {
  test('is read in one request, with progress and its name', async () => {
    let numRequests = 0
    const url = await serve((_, response) => {
      numRequests++
      response.setHeader('content-length', file.length).end(file)
    })
    const progress: ReadProgress[] = []
    const reader = await GgufReader.open(new URL(url), { onProgress: each => progress.push(each) })
    expect(reader.name).toBe('model file.gguf')
    expect(await readAll(reader)).toBe(2 * tensorBytes.length)
    expect(progress.at(-1)).toEqual({ loaded: file.length, total: file.length, fetched: file.length })
    expect(numRequests).toBe(1)
  })

  test('may come without a length', async () => {
    const url = await serve((_, response) => {
      response.write(file.subarray(0, 1000))
      response.end(file.subarray(1000))
    })
    expect(await download(url)).toBe(2 * tensorBytes.length)
  })

  test('may be compressed: its length is then not believed', async () => {
    const zipped = gzipSync(file)
    const totals = new Set<number | undefined>()
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': zipped.length }).end(zipped)
    })
    const reader = await GgufReader.open(url, { onProgress: ({ total }) => totals.add(total) })
    expect(await readAll(reader)).toBe(2 * tensorBytes.length)
    expect([...totals]).toEqual([undefined])
  })
})

test('across origins, where an encoding cannot be seen, a length that is too short is not believed', async () => {
  const response = new Response(file, { headers: { 'content-length': '1000' } })
  vi.stubGlobal('fetch', async () => Object.defineProperty(response, 'type', { value: 'cors' }))
  expect(await download('https://elsewhere.test/model.gguf')).toBe(2 * tensorBytes.length)
})

describe('failures', () => {
  test.each([404, 403, 500])('status %d is a download error', async status => {
    const url = await serve((_, response) => response.writeHead(status).end('no'))
    await expect(download(url)).rejects.toMatchObject({ code: 'download', details: { url, status } })
  })

  test('an unreachable server', async () => {
    const url = await serve(() => undefined)
    await new Promise(resolve => server!.close(resolve))
    await expect(download(url)).rejects.toMatchObject({
      code: 'download',
      details: { url, reason: expect.stringContaining('ECONNREFUSED'), loaded: 0 },
    })
  })

  test('an address that is none', async () => {
    await expect(download('no address')).rejects.toMatchObject({ code: 'download' })
  })

  test.each([0.5, 0.0001])('a connection that drops after a part of %d', async part => {
    const sent = Math.floor(file.length * part)
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-length': file.length })
      response.write(file.subarray(0, sent), () => setTimeout(() => response.destroy(), 20))
    })
    const error = await download(url).catch((error: unknown) => error)
    expect(error).toMatchObject({ code: 'download', details: { url, loaded: sent, expected: file.length } })
  })

  test('a complete answer that is shorter than its header says is a bad model', async () => {
    const short = file.subarray(0, file.length - 10)
    const certain = await serve((_, response) =>
      response.setHeader('content-length', short.length).end(short),
    )
    await expect(download(certain)).rejects.toMatchObject({ code: 'bad-model', details: { tensor: 'b' } })
    server?.close()
    const uncertain = await serve((_, response) => {
      response.write(short)
      response.end()
    })
    await expect(download(uncertain)).rejects.toMatchObject({
      code: 'bad-model',
      details: { tensor: 'b', expected: tensorBytes.length, found: tensorBytes.length - 10 },
    })
  })

  test('a lying length in a file of unknown size costs no memory', async () => {
    const bytes = writeGguf({ metadata: [['k', 'v'.repeat(9)]], tensors: [] })
    bytes.set([0, 0, 0, 3], Buffer.from(bytes).indexOf('vvv') - 8)
    const url = await serve((_, response) => {
      response.write(bytes)
      response.end()
    })
    await expect(download(url)).rejects.toMatchObject({ code: 'bad-model', details: { key: 'k', found: 9 } })
  })
})

describe('abort', () => {
  const aborted = { code: 'aborted', details: { phase: 'download' } }

  test('before the start', async () => {
    await expect(GgufReader.open(new Blob([file]), { signal: AbortSignal.abort() })).rejects.toMatchObject(
      aborted,
    )
  })

  test('while the server has not answered', async () => {
    const controller = new AbortController()
    const url = await serve(() => setTimeout(() => controller.abort(), 10))
    await expect(GgufReader.open(url, { signal: controller.signal })).rejects.toMatchObject(aborted)
  })

  test('inside the header', async () => {
    const controller = new AbortController()
    const url = await serve((_, response) => {
      response.write(file.subarray(0, 10), () => setTimeout(() => controller.abort(), 20))
    })
    await expect(GgufReader.open(url, { signal: controller.signal })).rejects.toMatchObject(aborted)
  })

  test('inside a tensor, while waiting', async () => {
    const controller = new AbortController()
    const url = await serve((_, response) => {
      response.write(file.subarray(0, tensorBytes.length))
    })
    const reader = await GgufReader.open(url, { signal: controller.signal })
    setTimeout(() => controller.abort(), 20)
    await expect(readAll(reader)).rejects.toMatchObject(aborted)
  })

  test('between two groups, with everything already here', async () => {
    const controller = new AbortController()
    const reader = await GgufReader.open(new Blob([file]), { signal: controller.signal })
    const groups = reader.rows()
    await groups.next()
    controller.abort()
    await expect(groups.next()).rejects.toMatchObject(aborted)
  })

  test('close() ends a waiting read', async () => {
    const url = await serve((_, response) => {
      response.write(file.subarray(0, tensorBytes.length))
    })
    const reader = await GgufReader.open(url)
    setTimeout(() => void reader.close(), 20)
    await expect(readAll(reader)).rejects.toMatchObject({ code: 'aborted' })
  })
})

test('a file on the Hub has its address', () => {
  expect(hubUrl({ repo: 'owner/name', file: 'dir/a b.gguf' })).toBe(
    'https://huggingface.co/owner/name/resolve/main/dir/a%20b.gguf',
  )
  expect(hubUrl({ repo: 'o/n', file: 'f', revision: 'refs/pr/1' })).toContain('/resolve/refs%2Fpr%2F1/f')
})
