/** The whole family, for benches and tests: what is not bundled must not be named in index.ts. */
import prompts from '../prompts.json'
import results from '../train/results.json'

/** Held-out tasks by workload, as texts of a user; and what the recipe measured of each model. */
export { prompts, results }

/** The files by model. */
export const family: Record<'target' | 'wide' | 'deep' | 'tiny', { f16: URL; q8_0: URL }> = {
  target: {
    f16: new URL('../tales-target-f16.gguf', import.meta.url),
    q8_0: new URL('../tales-target-q8_0.gguf', import.meta.url),
  },
  wide: {
    f16: new URL('../tales-wide-f16.gguf', import.meta.url),
    q8_0: new URL('../tales-wide-q8_0.gguf', import.meta.url),
  },
  deep: {
    f16: new URL('../tales-deep-f16.gguf', import.meta.url),
    q8_0: new URL('../tales-deep-q8_0.gguf', import.meta.url),
  },
  tiny: {
    f16: new URL('../tales-tiny-f16.gguf', import.meta.url),
    q8_0: new URL('../tales-tiny-q8_0.gguf', import.meta.url),
  },
}

/** Of another vocabulary: a story model of 40 thousand parameters, the smallest file that loads. */
export const stories40K: URL = new URL('../stories40K-f32.gguf', import.meta.url)
