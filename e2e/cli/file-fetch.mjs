// Node's fetch refuses file: addresses, and those are what the addresses of model files are in Node. Delete when it does not.
import { createReadStream, statSync } from 'node:fs'
import { Readable } from 'node:stream'

/** Adds file: to what fetch fetches. */
export function installFileFetch() {
  const { fetch } = globalThis
  globalThis.fetch = async (resource, options) => {
    const url = new URL(resource)
    return url.protocol === 'file:' ? openFile(url) : fetch(resource, options)
  }
}

function openFile(url) {
  const { size } = statSync(url)
  return new Response(Readable.toWeb(createReadStream(url)), { headers: { 'Content-Length': size } })
}
