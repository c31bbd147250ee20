/** What `model: 'bundled'` loads. */
export const bundledModelUrl: URL = new URL('../stories40K-f32.gguf', import.meta.url)
