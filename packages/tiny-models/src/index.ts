/** What `model: 'bundled'` loads, the draft that goes with it, and its heads for those who ask. */
export const bundledModelUrl: URL = new URL('../tales-target-q8_0.gguf', import.meta.url)
export const bundledHeadsUrl: URL = new URL('../tales-heads.safetensors', import.meta.url)
export const bundledDraftUrl: URL = new URL('../tales-wide-q8_0.gguf', import.meta.url)
