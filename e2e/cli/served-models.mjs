// Model files of full size with random weights, sent as a server sends them: none is ever whole anywhere.
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'

/** Their folder on the page's origin; a file is named as in full-size-model.ts. */
export const servedFolder = '/full-size/'
const source = fileURLToPath(new URL('../bench/full-size-model.ts', import.meta.url))

/** To make a file takes seconds, of which nothing is to be in a load's time: HEAD makes it. */
export const servedModels = {
  name: 'served-models',
  configureServer(server) {
    const made = new Map()
    server.middlewares.use(servedFolder, async (request, response, next) => {
      try {
        const { fullSizeModels, fullSizeModel } = await server.ssrLoadModule(source)
        const name = request.url.slice(1)
        if (!(name in fullSizeModels)) return next()
        const file = made.get(name) ?? fullSizeModel(fullSizeModels[name])
        made.set(name, file)
        response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': file.size })
        if (request.method === 'HEAD') return response.end()
        Readable.fromWeb(file.stream())
          .on('error', error => response.destroy(error))
          .pipe(response)
      } catch (error) {
        next(error)
      }
    })
  },
}
