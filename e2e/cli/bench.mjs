// `npm run bench` with the engine in a browser, the terminal's side.
import { recordBench } from './bench-record.mjs'
import { benchInFirefox } from './firefox-host.mjs'
import { withPage } from './page-host.mjs'
import { servedFolder } from './served-models.mjs'
import { currentCommit, sharedModels } from './workspace.mjs'

/** Runs one suite; returns the exit code. */
export function bench({ suite, host, quick, json, shape, format }) {
  const files = sharedModels()
  const address = name => `/models/${name}`
  const paths = new Map([...files].map(([name, path]) => [address(name), path]))
  const job = {
    suite,
    quick,
    shape,
    format,
    served: servedFolder,
    models: Object.fromEntries([...files.keys()].map(name => [name, address(name)])),
  }
  const locate = path => paths.get(path)
  return recordBench({ suite, host, json, commit: currentCommit() }, onEvent => {
    if (host === 'firefox') return benchInFirefox({ locate, onEvent }, job)
    return withPage({ locate, onEvent }, page =>
      page.evaluate(task => globalThis.terminalPage.bench(task), job),
    )
  })
}
