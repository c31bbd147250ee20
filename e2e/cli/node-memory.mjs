// What JavaScript holds in Node: its heap, and what lies outside of it, as ArrayBuffers do.
import process from 'node:process'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

export function nodeMemory() {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc')
  return {
    collect: async () => collect(),
    async read() {
      const { heapUsed, external } = process.memoryUsage()
      const js = heapUsed + external
      return { js, page: js }
    },
  }
}
