/** A Hub in a box: a server that speaks as the Hugging Face Hub does, and misbehaves on request. */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface HubFile {
  bytes: Uint8Array
  /** Whoever brings it may read. Default: everyone may. */
  token?: string
}

/** Of the next answers that carry a file's bytes, as many as `times` (default 1). */
export interface Misbehaviour {
  times?: number
  /** The connection drops after so many bytes of the answer. A browser may lose those of them that were not read yet. */
  dropAt?: number
  /** After so many bytes of the answer nothing more comes, until `drop`. */
  stallAt?: number
  /** This byte of the file is another one. */
  wrongAt?: number
  /** No file, but this status. */
  status?: number
  /** In seconds, with the status. */
  retryAfter?: number
  /** The whole file, whatever range was asked for. */
  noRanges?: boolean
  /** Once this answer has begun the file has these bytes. */
  becomes?: Uint8Array
  /** Between two pieces of 64 KiB. */
  pauseMs?: number
}

/** A request for a file's bytes. */
export interface Served {
  file: string
  status: number
  range: string | undefined
  /** Of the file, that were sent. */
  bytes: number
}

const pieceBytes = 64 * 1024

const exposed =
  'X-Repo-Commit,X-Request-Id,X-Error-Code,X-Error-Message,ETag,Accept-Ranges,Content-Range,X-Linked-Size,X-Linked-ETag,Retry-After'

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Two origins, as with the Hub: its own, with pages and tokens, and that of the network that holds the bytes. */
export class HubServer {
  /** By 'owner/name/path' of the file. */
  readonly files = new Map<string, HubFile>()
  /** Every answer with a file's bytes or in their place, in order. */
  readonly served: Served[] = []
  /** Every request to the hub's own origin: 'GET /path'. */
  readonly asked: string[] = []
  readonly #misbehaviours: Array<{ file: string; how: Misbehaviour; left: number }> = []
  readonly #hub: Server
  readonly #network: Server

  private constructor() {
    this.#hub = createServer((request, response) => this.#answer(request, response))
    this.#network = createServer((request, response) => this.#send(request, response))
  }

  static async start(): Promise<HubServer> {
    const server = new HubServer()
    for (const each of [server.#hub, server.#network]) {
      await new Promise<void>(resolve => each.listen(0, '127.0.0.1', resolve))
    }
    return server
  }

  get url(): string {
    return originOf(this.#hub)
  }

  misbehave(file: string, how: Misbehaviour): void {
    this.#misbehaviours.push({ file, how, left: how.times ?? 1 })
  }

  /** Cuts all connections that bytes are sent over. */
  drop(): void {
    this.#network.closeAllConnections()
  }

  /** Forgets what was served, and what was to be done wrong. */
  reset(): void {
    this.served.length = 0
    this.asked.length = 0
    this.#misbehaviours.length = 0
  }

  close(): void {
    for (const server of [this.#hub, this.#network]) {
      server.closeAllConnections()
      server.close()
    }
  }

  /** The hub's own origin: lists of files, and redirects to their bytes. */
  #answer(request: IncomingMessage, response: ServerResponse): unknown {
    const { pathname } = new URL(request.url ?? '/', this.url)
    allowOrigins(response)
    if (request.method === 'OPTIONS') return response.writeHead(204).end()
    this.asked.push(`${request.method} ${pathname}`)
    const [, listed] = /^\/api\/models\/([^/]+\/[^/]+)\/tree\/[^/]+$/.exec(pathname) ?? []
    if (listed) return this.#list(listed, response)
    const [, repo, path] = /^\/([^/]+\/[^/]+)\/resolve\/[^/]+\/(.+)$/.exec(pathname) ?? []
    const name = `${repo}/${decodeURIComponent(path ?? '')}`
    const file = this.files.get(name)
    if (!file) return refuse(response, 404, 'EntryNotFound')
    const { token, bytes } = file
    const { authorization } = request.headers
    if (token !== undefined && authorization !== `Bearer ${token}`) {
      return refuse(response, authorization ? 403 : 401, 'GatedRepo')
    }
    response.writeHead(302, {
      location: `${originOf(this.#network)}/${encodeURIComponent(name)}`,
      'x-linked-size': bytes.length,
      'x-linked-etag': `"${sha256(bytes)}"`,
    })
    return response.end()
  }

  #list(repo: string, response: ServerResponse): unknown {
    const entries = [...this.files].flatMap(([name, { bytes }]) => {
      if (!name.startsWith(`${repo}/`)) return []
      const path = name.slice(repo.length + 1)
      const lfs = { oid: sha256(bytes), size: bytes.length, pointerSize: 134 }
      return [{ type: 'file', oid: '0'.repeat(40), size: bytes.length, path, lfs }]
    })
    if (entries.length === 0) return refuse(response, 401, 'RepoNotFound')
    return response.setHeader('content-type', 'application/json').end(JSON.stringify(entries))
  }

  /** The network's origin: bytes, whole or from a place on. */
  #send(request: IncomingMessage, response: ServerResponse): unknown {
    const name = decodeURIComponent((request.url ?? '/').slice(1))
    const file = this.files.get(name)
    allowOrigins(response)
    // Neither Authorization nor If-Range is allowed here, as with the networks that the Hub redirects to.
    if (request.method === 'OPTIONS') return response.writeHead(403).end()
    if (!file) return refuse(response, 404, 'EntryNotFound')
    const { bytes } = file
    const how = this.#nextMisbehaviour(name)
    if (how.becomes) this.files.set(name, { ...file, bytes: how.becomes })
    const range = request.headers.range
    const from = how.noRanges ? 0 : Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
    const status = how.status ?? (from >= bytes.length ? 416 : from > 0 ? 206 : 200)
    const served: Served = { file: name, status, range, bytes: 0 }
    this.served.push(served)
    if (status >= 400) {
      if (how.retryAfter !== undefined) response.setHeader('retry-after', how.retryAfter)
      return refuse(response, status, undefined)
    }
    response.writeHead(status, {
      etag: `"${sha256(bytes).slice(0, 32)}"`,
      'accept-ranges': 'bytes',
      'content-length': bytes.length - from,
      ...(status === 206 ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {}),
    })
    return pour(response, altered(bytes, how).subarray(from), how, served)
  }

  #nextMisbehaviour(name: string): Misbehaviour {
    const next = this.#misbehaviours.find(({ file, left }) => file === name && left > 0)
    if (!next) return {}
    next.left--
    return next.how
  }
}

const originOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`

function allowOrigins(response: ServerResponse): void {
  response.setHeader('access-control-allow-origin', '*')
  response.setHeader('access-control-allow-headers', 'Authorization,Range')
  response.setHeader('access-control-expose-headers', exposed)
}

function refuse(response: ServerResponse, status: number, errorCode: string | undefined): ServerResponse {
  if (errorCode) response.setHeader('x-error-code', errorCode)
  return response.writeHead(status).end(`status ${status}`)
}

function altered(bytes: Uint8Array, { wrongAt }: Misbehaviour): Uint8Array {
  if (wrongAt === undefined) return bytes
  const wrong = bytes.slice()
  wrong[wrongAt]! ^= 0xff
  return wrong
}

async function pour(
  response: ServerResponse,
  bytes: Uint8Array,
  { dropAt, stallAt, pauseMs = 0 }: Misbehaviour,
  served: Served,
): Promise<void> {
  const end = Math.min(dropAt ?? bytes.length, stallAt ?? bytes.length)
  const closed = new Promise<void>(resolve => response.once('close', resolve))
  for (let at = 0; at < end && !response.destroyed; at += pieceBytes) {
    const piece = bytes.subarray(at, Math.min(end, at + pieceBytes))
    await Promise.race([closed, new Promise<void>(resolve => response.write(piece, () => resolve()))])
    served.bytes += piece.length
    if (pauseMs > 0) await new Promise(resolve => setTimeout(resolve, pauseMs))
  }
  if (dropAt !== undefined) setTimeout(() => response.destroy(), 20)
  else if (stallAt === undefined) response.end()
}
