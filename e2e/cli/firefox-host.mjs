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
    configureServer: ({ middlewares }) => {
      middlewares.use(async (request, response, next) => {
        const answer = answers[request.url]
        if (!answer) return next()
        const said = request.method === 'POST' ? await json(request) : undefined
        response.end(JSON.stringify(answer(said) ?? null))
      })
    },
  })
  const [address] = server.resolvedUrls.local
  const close = openFirefox(`${address}firefox.html`)
  const interrupted = new Promise(resolve => {
    process.once('SIGINT', () => resolve({ error: { code: 'aborted', message: 'interrupted', details: {} } }))
  })
  try {
    return await Promise.race([report, interrupted])
  } finally {
    await close()
    await server.close()
  }
}
