// A Firefox with our page, served from this process. Nobody drives it: the page asks for its job and tells what happens.
import process from 'node:process'
import { json } from 'node:stream/consumers'
import { openFirefox } from '../../scripts/firefox.mjs'
import { serve } from './page-host.mjs'

/** Runs a bench job in Firefox and resolves to its report. `onEvent` gets what the page emits, in order. */
export async function benchInFirefox({ locate, onEvent }, job) {
  let finish
  const report = new Promise(resolve => {
    finish = resolve
  })
  const answers = { '/terminal/job': () => job, '/terminal/event': onEvent, '/terminal/report': finish }
  const server = await serve(locate, {
    name: 'terminal',
    transformIndexHtml: () => [
      { tag: 'script', attrs: { type: 'module', src: './firefox-page.ts' }, injectTo: 'body' },
    ],
    configureServer: ({ middlewares }) => {
      middlewares.use(async (request, response, next) => {
        const answer = answers[request.url]
        if (!answer) return next()
        const said = request.method === 'POST' ? await json(request) : undefined
        response.end(JSON.stringify(answer(said) ?? null))
      })
    },
  })
  let firefox
  try {
    firefox = openFirefox(server.resolvedUrls.local[0])
    const interrupted = new Promise(resolve => process.once('SIGINT', resolve))
    return await Promise.race([
      report,
      interrupted.then(() => failed('aborted', 'Interrupted.')),
      firefox.ended.then(() => failed('internal', 'Firefox ended before the suite.')),
    ])
  } finally {
    await firefox?.close()
    await server.close()
  }
}

const failed = (code, message) => ({ error: { code, message, details: {} } })
