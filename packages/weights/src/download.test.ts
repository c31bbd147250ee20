import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { ReadProgress } from './byte-stream'
import { isDamaged } from './download-error'
import { GgufReader } from './gguf-reader'
import { writeGguf } from './gguf-writer'
import { retryDelaysMs } from './server-answer'

const tensorBytes = Uint8Array.from({ length: 512 * 1024 }, (_, i) => (i * 7) % 251)
const tensors = ['a', 'b'].map(name => ({ name, type: 'f32' as const, dims: [1024, 128], data: tensorBytes }))
const file = writeGguf({ metadata: [['general.name', 'served']], tensors })

let server: Server | undefined

/** How long was waited, instead of waiting. */
const waits = vi.hoisted((): number[] => [])
vi.mock('./wait-for', () => ({ waitFor: async (ms: number) => void waits.push(ms) }))

afterEach(() => {
  waits.length = 0
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

  test.each([0.5, 0.0001])('a connection that drops again and again after a part of %d', async part => {
    const sent = Math.floor(file.length * part)
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-length': file.length })
      response.write(file.subarray(0, sent), () => setTimeout(() => response.destroy(), 20))
    })
    const error = await download(url).catch((error: unknown) => error)
    expect(error).toMatchObject({ code: 'download', details: { url, loaded: sent, expected: file.length } })
    expect(waits).toEqual(retryDelaysMs)
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

describe('a server that passes trouble on', () => {
  /** Answers in order; the last one again and again. */
  async function serveInTurn(
    ...answers: Array<(response: ServerResponse, range?: string) => void>
  ): Promise<string> {
    let next = 0
    return serve((request, response) => {
      answers[Math.min(next++, answers.length - 1)]!(response, request.headers.range)
    })
  }
  const whole = (response: ServerResponse) => response.setHeader('content-length', file.length).end(file)
  const refused =
    (status: number, headers = {}) =>
    (response: ServerResponse) => {
      response.writeHead(status, headers).end()
    }
  const ranged = (response: ServerResponse, range?: string) => {
    const from = Number(/^bytes=(\d+)-$/.exec(range!)![1])
    const part = file.subarray(from)
    const headers = {
      'content-range': `bytes ${from}-${file.length - 1}/${file.length}`,
      'content-length': part.length,
    }
    response.writeHead(206, headers).end(part)
  }
  const dropped = (at: number) => (response: ServerResponse) => {
    response.writeHead(200, { 'content-length': file.length })
    response.write(file.subarray(0, at), () => setTimeout(() => response.destroy(), 20))
  }

  test.each([429, 502, 503, 504])(
    '%d is asked again after its Retry-After, or a little later each time',
    async status => {
      const url = await serveInTurn(
        refused(status),
        refused(status, { 'retry-after': 7 }),
        refused(status),
        whole,
      )
      expect(await download(url)).toBe(2 * tensorBytes.length)
      expect(waits).toEqual([retryDelaysMs[0], 7000, retryDelaysMs[2]])
    },
  )

  test('a Retry-After may be a date', async () => {
    const date = new Date(Date.now() + 30_000).toUTCString()
    await download(await serveInTurn(refused(429, { 'retry-after': date }), whole))
    expect(waits[0]).toBeGreaterThan(25_000)
    expect(waits[0]).toBeLessThanOrEqual(30_000)
  })

  test('too long a Retry-After, and too many of them, are an error that says so', async () => {
    const patient = await serveInTurn(refused(429, { 'retry-after': 61 }))
    await expect(download(patient)).rejects.toMatchObject({
      code: 'download',
      message: expect.stringContaining('try again in 61 seconds'),
      details: { status: 429, retryAfterSeconds: 61 },
    })
    expect(waits).toEqual([])
    server?.close()
    await expect(download(await serveInTurn(refused(503)))).rejects.toMatchObject({
      details: { status: 503 },
    })
    expect(waits).toEqual(retryDelaysMs)
  })

  test('a dropped connection is taken up where it dropped, or read over where there are no ranges', async () => {
    for (const rest of [ranged, whole]) {
      const tensors: Uint8Array[] = []
      const reader = await GgufReader.open(await serveInTurn(dropped(300_000), rest))
      for await (const { data } of reader.rows()) tensors.push(data.slice())
      expect(Buffer.concat(tensors).equals(Buffer.concat([tensorBytes, tensorBytes]))).toBe(true)
      server?.close()
    }
  })

  test('a file that has changed since the drop is damaged', async () => {
    const url = await serveInTurn(dropped(300_000), (response, range) => {
      ranged(response.setHeader('etag', '"new"'), range)
    })
    // No ETag came before, and the length is the same: nothing tells.
    expect(await download(url)).toBe(2 * tensorBytes.length)
    server?.close()
    const tagged = await serveInTurn(
      response => dropped(300_000)(response.setHeader('etag', '"old"')),
      (response, range) => ranged(response.setHeader('etag', '"new"'), range),
    )
    const error = await download(tagged).catch((error: unknown) => error)
    expect(error).toMatchObject({ code: 'download', details: { expected: '"old"', found: '"new"' } })
    expect(isDamaged(error)).toBe(true)
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
