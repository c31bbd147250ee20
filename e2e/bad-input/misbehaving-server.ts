/** An HTTP server of another origin that serves a model file in every wrong way. */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

type Misbehaviour = (response: ServerResponse, file: Uint8Array, argument: string) => void

const half = (file: Uint8Array) => file.subarray(0, file.length / 2)

const misbehaviours: Record<string, Misbehaviour> = {
  whole: (response, file) => response.writeHead(200, { 'content-length': file.length }).end(file),
  /** The first bytes as if they were all, with their length. */
  cut: (response, file, at) =>
    response.writeHead(200, { 'content-length': at }).end(file.subarray(0, Number(at))),
  /** The same without a length. */
  'cut-unannounced': (response, file, at) => {
    response.writeHead(200).write(file.subarray(0, Number(at)))
    response.end()
  },
  /** Another file, without a length. */
  given: (response, file) => {
    response.writeHead(200).write(file)
    response.end()
  },
  status: (response, _, status) => response.writeHead(Number(status)).end('no'),
  page: response => response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><p>Sign in'),
  /** Readable by pages of its own origin only. */
  closed: (response, file) => {
    response.removeHeader('access-control-allow-origin')
    response.writeHead(200).end(file)
  },
  dropped: (response, file) => {
    response.writeHead(200, { 'content-length': file.length })
    response.write(half(file), () => setTimeout(() => response.destroy(), 20))
  },
  silent: () => {},
  /** In the middle of the header: nothing can be on its way to the GPU yet. */
  stalled: (response, file) =>
    response.writeHead(200, { 'content-length': file.length }).write(file.subarray(0, 4096)),
}

export class MisbehavingServer {
  /** Requests by path that have neither been answered whole nor given up. */
  readonly open = new Set<string>()
  readonly #given: Uint8Array[] = []
  readonly #server

  private constructor(file: Uint8Array) {
    this.#server = createServer((request, response) => {
      const path = request.url ?? '/'
      const [misbehaviour = '', argument = ''] = path.slice(1).split('/')
      this.open.add(path)
      response.on('close', () => this.open.delete(path))
      response.setHeader('access-control-allow-origin', '*')
      const served = misbehaviour === 'given' ? this.#given[Number(argument)]! : file
      misbehaviours[misbehaviour]?.(response, served, argument)
    })
  }

  static async start(file: Uint8Array): Promise<MisbehavingServer> {
    const server = new MisbehavingServer(file)
    await new Promise<void>(resolve => server.#server.listen(0, '127.0.0.1', resolve))
    return server
  }

  /** The path under which this file can be had from now on. */
  give(file: Uint8Array): string {
    return `given/${this.#given.push(file) - 1}`
  }

  url(path: string): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/${path}`
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}
