// Serves a page with the bundled model and opens it: the chat page, or the lab. Prints its address on stdout.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import process from 'node:process'
import { root, runMain, setup } from './setup.mjs'

const firstPort = 5173

/** The desktop's command that opens an address, undefined where there is no desktop. */
function desktopOpener() {
  const { CI, DISPLAY, WAYLAND_DISPLAY } = process.env
  if (CI) return undefined
  if (process.platform === 'darwin') return ['open']
  if (process.platform === 'win32') return ['cmd', '/c', 'start', '""']
  return DISPLAY || WAYLAND_DISPLAY ? ['xdg-open'] : undefined
}

function openPage(url) {
  const opener = desktopOpener()
  if (!opener) return
  const [command, ...args] = opener
  const child = spawn(command, [...args, url], { stdio: 'ignore', detached: true })
  child.on('error', () => process.stderr.write('No browser could be opened: open the address by hand.\n'))
  child.unref()
}

async function servePage(app) {
  const { build, preview } = await import('vite')
  const page = { root: join(root, 'apps', app), logLevel: 'warn' }
  process.stderr.write(`Building the ${app} page.\n`)
  await build(page)
  const server = await preview({
    ...page,
    preview: { host: '127.0.0.1', port: firstPort, strictPort: false },
  })
  const [url] = server.resolvedUrls?.local ?? []
  process.stdout.write(`${url}\n`)
  process.stderr.write('Ctrl-C ends it.\n')
  openPage(url)
}

await runMain(async () => {
  await setup({ browser: false })
  await servePage(process.argv[2] === 'lab' ? 'lab' : 'chat')
})
