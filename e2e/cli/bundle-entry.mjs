// `node run.mjs` of a bench bundle: one suite in this process, on Dawn.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { parseRunFlags, runHelp } from './bench-flags.mjs'
import { describeDevice, runBench, suiteNames } from './bench-job.ts'
import { recordBench } from './bench-record.mjs'
import { calmPolling } from './calm-polling.mjs'
import { installDawn } from './dawn.mjs'
import { installFileFetch } from './file-fetch.mjs'
import { MemoryWatch } from './memory-watch.mjs'
import { nodeMemory } from './node-memory.mjs'
import { describeError } from './terminal.mjs'

/** Copies of ../shared/models, which the bundle has where the workspace had them. */
const modelFolder = join(import.meta.dirname, 'models')

async function main() {
  const flags = parseRunFlags(process.argv.slice(2), suiteNames)
  if (flags.help) {
    process.stdout.write(runHelp(suiteNames))
    return 0
  }
  installDawn()
  installFileFetch()
  const memory = new MemoryWatch(nodeMemory())
  globalThis.watchMemory = () => memory.begin()
  globalThis.memoryPeak = () => memory.end()
  const { adapter, isSoftware } = await describeDevice()
  const refusal = refusalOf(adapter, isSoftware && !flags.allowSoftware)
  if (refusal) {
    process.stderr.write(`${describeError(refusal)}\n`)
    return 1
  }
  if (flags.adapter) {
    process.stdout.write(`${adapter}\n`)
    return 0
  }
  if (isSoftware) calmPolling()
  const { suite, quick, json, shape, format } = flags
  // The bundle's build puts the commit here.
  return recordBench({ suite, host: 'node', json, commit: import.meta.env.VITE_COMMIT }, onEvent => {
    globalThis.emitToTerminal = async event => onEvent(event)
    return runBench({ suite, quick, shape, format, models: modelAddresses() })
  })
}

/** The error that ends the run before it begins, if there is one. */
function refusalOf(adapter, isRefused) {
  if (adapter === 'none') {
    return {
      code: 'unsupported-device',
      message:
        'Dawn found no adapter. On Linux it needs the Vulkan loader (Debian: libvulkan1; or LD_LIBRARY_PATH with the ' +
        "folder of a libvulkan.so.1) and the GPU's Vulkan driver (or VK_DRIVER_FILES with the driver's .json file).",
      details: { asked: 'GPUAdapter', offered: null },
    }
  }
  if (!isRefused) return undefined
  return {
    code: 'unsupported-device',
    message: `The only adapter is software: ${adapter}. Install the GPU's Vulkan driver, or allow it by --allow-software.`,
    details: { adapter },
  }
}

function modelAddresses() {
  const names = existsSync(modelFolder) ? readdirSync(modelFolder) : []
  return Object.fromEntries(names.map(name => [name, pathToFileURL(join(modelFolder, name)).href]))
}

async function exitCode() {
  try {
    return await main()
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
    return error?.exitCode ?? 1
  }
}

// Dawn keeps the process alive.
process.exit(await exitCode())
