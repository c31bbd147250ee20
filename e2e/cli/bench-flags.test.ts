import { expect, it } from 'vitest'
import { benchHelp, parseBenchFlags, parseRunFlags, runHelp } from './bench-flags.mjs'
import { parseBundleFlags } from './bundle-flags.mjs'

const suites = ['decode', 'drafts']
const bench = (...args: string[]) => parseBenchFlags(args, suites)
const run = (...args: string[]) => parseRunFlags(args, suites)

it('reads the flags of npm run bench', () => {
  expect(bench('decode')).toEqual({
    help: false,
    suite: 'decode',
    host: 'browser',
    quick: false,
    json: undefined,
  })
  expect(bench('drafts', '--quick', '--host', 'node', '--json', 'x.json')).toEqual({
    help: false,
    suite: 'drafts',
    host: 'node',
    quick: true,
    json: 'x.json',
  })
  expect(bench('decode', '--shape', 'qwen2.5-0.5b')).toMatchObject({ shape: 'qwen2.5-0.5b', format: 'q4_0' })
  expect(run('decode', '--shape', 'llama-3.1-8b', '--format', 'f16')).toMatchObject({ format: 'f16' })
  expect(bench('--help')).toEqual({ help: true })
  expect(benchHelp(suites)).toMatch(
    /decode, drafts(.|\n)*--host HOST .*browser, .*firefox, (.|\n)*node, on Dawn/,
  )
})

it('reads the flags of a bundle’s run.mjs', () => {
  expect(run('decode')).toMatchObject({ suite: 'decode', quick: false, allowSoftware: false })
  expect(run('decode', '--allow-software')).toMatchObject({ suite: 'decode', allowSoftware: true })
  expect(run('--adapter')).toMatchObject({ adapter: true, allowSoftware: false })
  expect(runHelp(suites)).toMatch(/decode, drafts(.|\n)*--allow-software/)
})

it('reads the flags of npm run bench:bundle', () => {
  expect(parseBundleFlags([])).toEqual({ help: false, out: 'bench-bundle', platform: 'linux-x64' })
  expect(parseBundleFlags(['--platform', 'win32-x64', '--out', 'elsewhere'])).toMatchObject({
    out: 'elsewhere',
    platform: 'win32-x64',
  })
})

it('says what is wrong with a flag', () => {
  expect(() => bench()).toThrow("SUITE is ''; allowed: decode, drafts.")
  expect(() => bench('decode', 'drafts')).toThrow('One suite at a time, not also drafts.')
  expect(() => bench('decode', '--host', 'deno')).toThrow(
    "--host is 'deno'; allowed: browser, firefox, node.",
  )
  expect(() => bench('decode', '--shape', 'gpt')).toThrow("--shape is 'gpt'; allowed: qwen2.5-0.5b,")
  expect(() => bench('drafts', '--shape', 'qwen2.5-0.5b')).toThrow('--shape goes with the suite decode only.')
  expect(() => bench('decode', '--format', 'f16')).toThrow('--format goes with --shape only.')
  expect(() => bench('decode', '--shape', 'qwen2.5-0.5b', '--format', 'q2')).toThrow("--format is 'q2'")
  expect(() => bench('decode', '--allow-software')).toThrow('--allow-software')
  expect(() => run('decode', '--host', 'node')).toThrow('--host')
  expect(() => parseBundleFlags(['--platform', 'plan9'])).toThrow(
    "--platform is 'plan9'; allowed: linux-x64,",
  )
  // A folder of someone's own files is not emptied.
  expect(() => parseBundleFlags(['--out', import.meta.dirname])).toThrow('not empty and no bench bundle')
})
