// Firefox for Vitest's browser mode.
import { defineBrowserProvider } from '@vitest/browser'
import { openFirefox } from './firefox.mjs'

export const firefoxProvider = () =>
  defineBrowserProvider({
    name: 'firefox',
    supportedBrowser: ['firefox'],
    providerFactory() {
      const opened = []
      return {
        name: 'firefox',
        supportsParallelism: false,
        getCommandsContext: () => ({}),
        openPage: async (_session, url) => void opened.push(openFirefox(url)),
        close: async () => void (await Promise.all(opened.splice(0).map(firefox => firefox.close()))),
      }
    },
  })
