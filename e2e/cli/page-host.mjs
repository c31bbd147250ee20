// A headless Chromium with our page, served from this process; no network beyond 127.0.0.1.
import { createReadStream, statSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright'
import { createServer, defaultClientConditions, defaultServerConditions } from 'vite'
import { findBrowser, launchArgs } from '../../scripts/browser.mjs'
import { MemoryWatch } from './memory-watch.mjs'
import { servedModels } from './served-models.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const pageFolder = fileURLToPath(new URL('.', import.meta.url))

/** Streams the files that `locate` finds for a path of the page's origin. */
const localFiles = locate => ({
  name: 'local-files',
  configureServer(server) {
    server.middlewares.use((request, response, next) => {
      const file = locate(decodeURIComponent(new URL(request.url, 'http://127.0.0.1').pathname))
      const size = file && statSync(file, { throwIfNoEntry: false })?.size
      if (size === undefined) return next()
      response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': size })
      if (request.method === 'HEAD') response.end()
      else
        createReadStream(file)
          .on('error', error => response.destroy(error))
          .pipe(response)
    })
  },
})

/** `plugins`: of Vite, before the page's own. */
export async function serve(locate, ...plugins) {
  const server = await createServer({
    configFile: false,
    root: pageFolder,
    appType: 'mpa', // a missing file is a 404, not the page
    logLevel: 'warn',
    resolve: { conditions: ['foretoken-source', ...defaultClientConditions] },
    // Our dependencies are ES modules; bundling them on discovery would reload the page in mid-run.
    optimizeDeps: { noDiscovery: true },
    server: { host: '127.0.0.1', hmr: false, watch: null, fs: { allow: [root] } },
    plugins: [...plugins, localFiles(locate), servedModels],
    ssr: { resolve: { conditions: ['foretoken-source', ...defaultServerConditions] } },
  })
  await server.listen()
  return server
}

/** Of the page's main thread; a page cannot count its ArrayBuffers itself. */
async function memoryOf(page) {
  const devTools = await page.context().newCDPSession(page)
  return {
    collect: () => devTools.send('HeapProfiler.collectGarbage'),
    async read() {
      const { usedSize, embedderHeapUsedSize, backingStorageSize } =
        await devTools.send('Runtime.getHeapUsage')
      const js = usedSize + backingStorageSize
      return { js, page: js + embedderHeapUsedSize }
    },
  }
}

/** Calls `use(page)` with the page loaded. `onEvent` gets what the page emits, in order. */
export async function withPage({ locate, onEvent }, use) {
  const server = await serve(locate)
  let browser
  try {
    const executablePath = await findBrowser()
    // Ctrl-C is ours: what was produced is still to be fetched from the page.
    browser = await chromium.launch({ executablePath, args: launchArgs(), handleSIGINT: false })
    const page = await browser.newPage()
    page.on('pageerror', error => process.stderr.write(`page: ${error.message}\n`))
    await page.exposeFunction('emitToTerminal', onEvent)
    const memory = new MemoryWatch(await memoryOf(page))
    await page.exposeFunction('watchMemory', () => memory.begin())
    await page.exposeFunction('memoryPeak', () => memory.end())
    await page.goto(server.resolvedUrls.local[0])
    await page.waitForFunction(() => 'terminalPage' in globalThis)
    return await use(page)
  } finally {
    await browser?.close()
    await server.close()
  }
}
