/** Model sources as the worker can open them: addresses are absolute, seen from the page. */
import type { AppFile, HubModel, ModelSource } from '@foretoken/engine/types'
import { EngineError } from '@foretoken/errors'
import { bundledDraftUrl, bundledHeadsUrl, bundledModelUrl } from '@foretoken/tiny-models'
import type { WireSource } from './protocol.ts'

const allowed =
  "'bundled', an address, a URL, a File, a Blob, Files, { repo, file, revision, token, hub }, { asset } or a handle of a file or directory"

const bundled = { model: bundledModelUrl, draft: bundledDraftUrl, heads: bundledHeadsUrl }

export function resolveSource(source: ModelSource, argument: keyof typeof bundled): WireSource {
  if (source === 'bundled') return { asset: bundled[argument].href }
  if (typeof source === 'string') return resolveAddress(source, argument)
  if (source instanceof URL) return source.href
  if (source instanceof Blob || isHandle(source) || areFiles(source)) return source
  if (isAppFile(source)) return { asset: resolveAddress(String(source.asset), argument) }
  if (isHubModel(source))
    return source.hub ? { ...source, hub: resolveAddress(source.hub, argument) } : source
  throw badSource(source, argument)
}

export function resolveAddress(address: string | URL, argument: string, expected = allowed): string {
  if (address instanceof URL) return address.href
  // A worker has no document; an engine created there resolves against the worker's own address.
  const base = globalThis.document?.baseURI ?? location.href
  const isAddress = typeof address === 'string' && address !== '' && URL.canParse(address, base)
  if (!isAddress) throw badSource(address, argument, expected)
  return new URL(address, base).href
}

function isHandle(source: unknown): source is FileSystemFileHandle | FileSystemDirectoryHandle {
  const { kind, isSameEntry } = (source ?? {}) as Partial<FileSystemHandle>
  return (kind === 'file' || kind === 'directory') && typeof isSameEntry === 'function'
}

const areFiles = (source: unknown): source is readonly File[] =>
  Array.isArray(source) && source.length > 0 && source.every(file => file instanceof File)

const isAppFile = (source: unknown): source is AppFile =>
  typeof (source as Partial<AppFile> | null)?.asset === 'string'

const isText = (value: unknown): boolean => typeof value === 'string' && value !== ''

function isHubModel(source: unknown): source is HubModel {
  const { repo, ...others } = (source ?? {}) as Partial<HubModel>
  const known = ['file', 'revision', 'token', 'hub']
  const isKnown = ([name, value]: [string, unknown]) =>
    known.includes(name) && (value === undefined || isText(value))
  return isText(repo) && Object.entries(others).every(isKnown)
}

function badSource(value: unknown, argument: string, expected = allowed): EngineError {
  const details = { argument, value, allowed: expected }
  return new EngineError('bad-request', `${argument} must be ${expected}.`, details)
}
