import type { EngineOptions } from 'foretoken'

export type ModelSource = EngineOptions['model']

/** `continue`: the text is continued raw. `chat`: the conversation goes through the chat template. */
export type Mode = 'continue' | 'chat'

/** What the user asked to load. */
export interface ModelChoice {
  name: string
  model: ModelSource
  draft?: ModelSource
  mode: Mode
}

/** Two files dropped together: the smaller one is the draft. */
export function choiceOfFiles(files: readonly File[]): ModelChoice | undefined {
  const [model, draft] = files.filter(isModelFile).sort((a, b) => b.size - a.size)
  if (!model) return undefined
  return { name: model.name, model, mode: guessMode(model.name), ...(draft ? { draft } : {}) }
}

export function choiceOfAddress(address: string, draft: string): ModelChoice {
  const name = fileNameOf(address)
  return { name, model: address, mode: guessMode(name), ...(draft ? { draft } : {}) }
}

function isModelFile(file: File): boolean {
  return /\.gguf$/i.test(file.name)
}

function fileNameOf(address: string): string {
  const path = address.split(/[?#]/, 1)[0] ?? address
  return path.split('/').pop() || address
}

/** By the name, as the file's chat template is not known before it is loaded. */
export function guessMode(name: string): Mode {
  return /instruct|chat|assistant|(^|[-_.])it([-_.]|$)/i.test(name) ? 'chat' : 'continue'
}
