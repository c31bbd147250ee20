// SwiftShader, the software Vulkan driver that Chromium brings together with a Vulkan loader, for Dawn in Node.
import { existsSync, realpathSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import process from 'node:process'

/** Where distributions keep what the start script in the PATH starts. */
const usualFolders = ['/usr/lib/chromium', '/usr/lib/chromium-browser', '/usr/lib64/chromium-browser']

/** The environment in which Vulkan finds the SwiftShader of a Chromium; undefined where there is none. */
export function findSwiftShader(browser) {
  const own = browser && existsSync(browser) ? [dirname(realpathSync(browser))] : []
  const folder = [...own, ...usualFolders].find(path =>
    ['libvulkan.so.1', 'vk_swiftshader_icd.json'].every(name => existsSync(join(path, name))),
  )
  if (folder === undefined) return undefined
  const libraries = [folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(delimiter)
  return { LD_LIBRARY_PATH: libraries, VK_ICD_FILENAMES: join(folder, 'vk_swiftshader_icd.json') }
}
