/** What `model: 'bundled'` loads, and the draft that goes with it. */
export const bundledModelUrl: URL = new URL('../tales-target-q8_0.gguf', import.meta.url)
export const bundledDraftUrl: URL = new URL('../tales-wide-q8_0.gguf', import.meta.url)
