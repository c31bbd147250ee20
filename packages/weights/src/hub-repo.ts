/** The Hugging Face Hub: where its files are, and what it tells of them. */
import { throwIfAborted } from '@foretoken/errors'
import { downloadError } from './download-error'
import type { HubModel } from './model-source'
import { askServer } from './server-answer'

/** What is known of a file before it is fetched. */
export interface FileFacts {
  bytes?: number | undefined
  /** Hexadecimal. */
  sha256?: string | undefined
}

export interface HubEntry extends FileFacts {
  path: string
}

/** As the hub has it. */
interface TreeEntry {
  path: string
  size?: number
  lfs?: { oid?: string }
}

const defaultHub = 'https://huggingface.co'

const encoded = (path: string): string => path.split('/').map(encodeURIComponent).join('/')

const base = ({ hub = defaultHub }: HubModel): string => hub.replace(/\/+$/, '')

/** Source: https://huggingface.co/docs/hub/models-downloading */
export function hubUrl(model: HubModel & { file: string }): string {
  const { repo, file, revision = 'main' } = model
  return `${base(model)}/${encoded(repo)}/resolve/${encodeURIComponent(revision)}/${encoded(file)}`
}

/** The address of a file on the Hub, taken apart, so that its hash can be asked for. */
export function hubFileOf(url: string): (HubModel & { file: string }) | undefined {
  if (!URL.canParse(url)) return undefined
  const parts =
    /^https:\/\/(?:huggingface\.co|hf\.co)\/([^/]+\/[^/]+)\/(?:resolve|blob)\/([^/]+)\/([^?#]+)/.exec(url)
  if (!parts) return undefined
  try {
    const [repo, revision, file] = parts.slice(1).map(decodeURIComponent)
    return { repo: repo!, revision: revision!, file: file! }
  } catch {
    return undefined // no text of UTF-8: an address like any other
  }
}

/** The same for the page of a repository. */
export function hubRepoOf(url: string): HubModel | undefined {
  const parts = /^https:\/\/(?:huggingface\.co|hf\.co)\/([\w.-]+\/[\w.-]+)(?:\/tree\/([^/?#]+))?\/?$/.exec(
    url,
  )
  if (!parts) return undefined
  const [, repo, revision] = parts
  return { repo: repo!, ...(revision && { revision: decodeURIComponent(revision) }) }
}

/** Only for the hub itself: a browser drops this header where a redirect leads elsewhere. */
export const hubHeaders = ({ token }: HubModel): Record<string, string> =>
  token ? { authorization: `Bearer ${token}` } : {}

/**
 * All files of the repository. Those in Git LFS, as all large ones are, have their SHA-256.
 * Source: https://huggingface.co/docs/hub/api
 */
export async function listHub(model: HubModel, signal?: AbortSignal): Promise<HubEntry[]> {
  const { repo, revision = 'main' } = model
  const url = `${base(model)}/api/models/${encoded(repo)}/tree/${encodeURIComponent(revision)}?recursive=true`
  const response = await askServer({ url, headers: hubHeaders(model) }, { signal })
  const entries = (await response.json().catch(() => undefined)) as TreeEntry[] | undefined
  if (!Array.isArray(entries)) throw downloadError(url, new Error('this is no list of files'), 0)
  return entries.map(({ path, size, lfs }) => ({ path, bytes: size, sha256: lfs?.oid }))
}

/** Nothing where the hub does not tell: the file's own address then says what is wrong. */
export async function factsOf(model: HubModel & { file: string }, signal?: AbortSignal): Promise<FileFacts> {
  const entries = await listHub(model, signal).catch((): HubEntry[] => [])
  throwIfAborted(signal, 'download')
  return entries.find(({ path }) => path === model.file) ?? {}
}
