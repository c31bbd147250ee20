/** Model sources as the worker can open them: addresses are absolute, seen from the page. */
import type { HubFile, ModelSource } from '@foretoken/engine/types'
import { EngineError } from '@foretoken/errors'
import { bundledDraftUrl, bundledHeadsUrl, bundledModelUrl } from '@foretoken/tiny-models'
import type { WireSource } from './protocol.ts'

const allowed = "'bundled', an address, a URL, a File, a Blob or { repo, file }"

const bundled = { model: bundledModelUrl, draft: bundledDraftUrl, heads: bundledHeadsUrl }

export function resolveSource(source: ModelSource, argument: keyof typeof bundled): WireSource {
  if (source === 'bundled') return bundled[argument].href
  if (typeof source === 'string') return resolveAddress(source, argument)
  if (source instanceof URL) return source.href
  if (source instanceof Blob) return source
  if (isHubFile(source)) return source
  throw badSource(source, argument)
}

function resolveAddress(address: string, argument: string): string {
  // A worker has no document; an engine created there resolves against the worker's own address.
  const base = globalThis.document?.baseURI ?? location.href
  if (address === '' || !URL.canParse(address, base)) throw badSource(address, argument)
  return new URL(address, base).href
}

function isHubFile(source: unknown): source is HubFile {
  const { repo, file } = (source ?? {}) as Partial<HubFile>
  return typeof repo === 'string' && typeof file === 'string'
}

function badSource(value: unknown, argument: string): EngineError {
  return new EngineError('bad-request', `${argument} must be ${allowed}.`, { argument, value, allowed })
}
