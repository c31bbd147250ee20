import { afterEach, describe, expect, test, vi } from 'vitest'
import { chooseFile } from './choose-file'
import { hubFileOf, hubUrl, listHub } from './hub-repo'
import { modelFiles, type RemoteModelFile } from './model-files'
import type { FileSource } from './model-source'
import { firstShard, isLaterShard, shardNames } from './shard-names'

afterEach(() => vi.unstubAllGlobals())

const remoteFiles = async (source: FileSource) => (await modelFiles(source, '.gguf')) as RemoteModelFile[]

describe('the Hub', () => {
  test('has an address for every file', () => {
    expect(hubUrl({ repo: 'owner/name', file: 'dir/a b.gguf' })).toBe(
      'https://huggingface.co/owner/name/resolve/main/dir/a%20b.gguf',
    )
    expect(hubUrl({ repo: 'o/n', file: 'f', revision: 'refs/pr/1' })).toContain('/resolve/refs%2Fpr%2F1/f')
    expect(hubUrl({ repo: 'o/n', file: 'f', hub: 'https://hub.test/base/' })).toBe(
      'https://hub.test/base/o/n/resolve/main/f',
    )
  })

  test('is recognised in an address, and nothing else is', () => {
    const file = { repo: 'o/n', revision: 'refs/pr/1', file: 'dir/a b.gguf' }
    expect(hubFileOf(`${hubUrl(file)}?download=true`)).toEqual(file)
    expect(hubFileOf('https://huggingface.co/o/n/blob/main/a.gguf')).toMatchObject({ file: 'a.gguf' })
    for (const url of [
      'https://example.com/o/n/resolve/main/a.gguf',
      'https://huggingface.co/o/n',
      'https://huggingface.co/o/n/resolve/main/%E0%A4.gguf',
      '/o/n/resolve/main/a.gguf',
    ]) {
      expect(hubFileOf(url), url).toBeUndefined()
    }
  })

  test('lists files with their hashes; the token goes with the question', async () => {
    const asked: Request[] = []
    vi.stubGlobal('fetch', async (url: string, options: RequestInit) => {
      asked.push(new Request(url, options))
      return Response.json([
        { type: 'directory', path: 'd' },
        { type: 'file', path: 'd/a.gguf', size: 7, lfs: { oid: 'ab', size: 7 } },
      ])
    })
    const entries = await listHub({ repo: 'o/n', token: 'hf_x', revision: 'v1' })
    expect(entries[1]).toEqual({ path: 'd/a.gguf', bytes: 7, sha256: 'ab' })
    expect(asked[0]!.url).toBe('https://huggingface.co/api/models/o/n/tree/v1?recursive=true')
    expect(asked[0]!.headers.get('authorization')).toBe('Bearer hf_x')
  })

  test('that is none is a download error', async () => {
    vi.stubGlobal('fetch', async () => new Response('<!doctype html>'))
    await expect(listHub({ repo: 'o/n' })).rejects.toMatchObject({ code: 'download' })
    const [file] = await remoteFiles({ repo: 'o/n', file: 'a.gguf' })
    expect(await file!.facts()).toEqual({})
  })
})

describe('files of a source', () => {
  test('an address is one file, with or without its query', async () => {
    const [file] = await remoteFiles('https://a.test/some/model%20file.gguf?download=1')
    expect(file).toMatchObject({ name: 'model file.gguf', isKeepable: true, headers: {} })
  })

  test('what comes with the app, data: and blob: are not stored', async () => {
    const sources = [{ asset: 'https://a.test/m.gguf' }, 'data:,x', 'blob:https://a.test/1'] as const
    for (const source of sources) expect((await remoteFiles(source))[0]!.isKeepable).toBe(false)
  })

  test('any part of a split model stands for all', async () => {
    const urls = (await remoteFiles('https://a.test/m-00002-of-00003.gguf?x=1')).map(({ url }) => url)
    expect(urls).toEqual([1, 2, 3].map(i => `https://a.test/m-0000${i}-of-00003.gguf?x=1`))
    const onHub = await remoteFiles({ repo: 'o/n', file: 'm-00001-of-00002.gguf', token: 'hf_x' })
    expect(onHub.map(({ url }) => url)).toEqual(
      [1, 2].map(i => `https://huggingface.co/o/n/resolve/main/m-0000${i}-of-00002.gguf`),
    )
    expect(onHub[1]!.headers).toEqual({ authorization: 'Bearer hf_x' })
  })

  test('are named by number', () => {
    expect(shardNames('m.gguf')).toEqual(['m.gguf'])
    expect(shardNames('m-00001-of-00001.gguf')).toEqual(['m-00001-of-00001.gguf'])
    expect(firstShard('a/m-00012-of-00020.gguf')).toBe('a/m-00001-of-00020.gguf')
    expect(isLaterShard('m-00002-of-00002.gguf')).toBe(true)
    expect(isLaterShard('m-2-of-2.gguf')).toBe(false)
  })
})

describe('of several files', () => {
  const choose = (...names: string[]) => chooseFile(names, '.gguf', 'o/n')

  test('the only model is taken, whatever else lies there', () => {
    expect(choose('README.md', 'mmproj-F16.gguf', 'm-Q5_K.GGUF')).toBe('m-Q5_K.GGUF')
    expect(choose('m-00001-of-00002.gguf', 'm-00002-of-00002.gguf')).toBe('m-00001-of-00002.gguf')
  })

  test('the type decides, by its whole name', () => {
    expect(choose('m-F16.gguf', 'm-q4_0.gguf', 'm.Q8_0.gguf')).toBe('m.Q8_0.gguf')
    expect(choose('m-F16.gguf', 'm-Q2_K.gguf', 'm-Q4_K_M.gguf')).toBe('m-Q4_K_M.gguf')
    expect(choose('m-BF16.gguf', 'm-F32.gguf')).toBe('m-BF16.gguf')
    expect(choose('m-BF16.gguf', 'm-F16.gguf')).toBe('m-F16.gguf')
  })

  test('none is an error that tells what there is', () => {
    expect(() => choose('a.gguf', 'b.gguf')).toThrowError(
      expect.objectContaining({
        code: 'bad-model',
        details: expect.objectContaining({ found: ['a.gguf', 'b.gguf'] }),
      }),
    )
    expect(() => choose('config.json')).toThrowError(/holds no .gguf file/)
  })
})
