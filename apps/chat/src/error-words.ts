/** EngineErrors as sentences that let a person act. */
import { switchedOffAdvice } from '@foretoken/look'
import { EngineError, isEngineError } from 'foretoken'

type Code = EngineError['code']

export interface ErrorWords {
  title: string
  advice: string
}

const words: Record<Code, ErrorWords> = {
  'unsupported-device': {
    title: 'This device cannot run the model',
    advice:
      'WebGPU is needed: a current Chrome or Edge, Safari 26 or Firefox 141 on a device with working graphics drivers. ' +
      'If WebGPU is there, try a smaller model.',
  },
  'out-of-memory': {
    title: 'The model does not fit into memory',
    advice:
      'Try a smaller model or a smaller quantisation, load it without a draft, or free the current model first.',
  },
  'device-lost': {
    title: 'The graphics card was lost',
    advice: 'The browser or its driver restarted. What was written is kept; reload the model to go on.',
  },
  'bad-model': {
    title: 'This file cannot be used as a model',
    advice:
      'GGUF files of Llama, Mistral, Qwen, SmolLM, Phi and Gemma in F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K or Q6_K work. A draft must have enough words in common with the model.',
  },
  download: {
    title: 'The download failed',
    advice:
      'Check the address and the connection. The server must allow other pages to read the file (CORS).',
  },
  'context-full': {
    title: 'The text is longer than the model can read',
    advice: 'Start a new conversation, or shorten the prompt.',
  },
  'bad-request': { title: 'This request is not possible', advice: 'Change the settings and try again.' },
  overloaded: { title: 'Too many requests are waiting', advice: 'Try again in a moment.' },
  aborted: { title: 'Stopped', advice: '' },
  internal: {
    title: 'Something went wrong in Foretoken',
    advice: 'This is a bug. The details below help to find it; reloading the page gets you going again.',
  },
}

/** WebGPU is there, a graphics card for it is not: as in Chrome on Linux, or with acceleration switched off. */
const noAdapter: ErrorWords = { title: 'WebGPU has no graphics card to run on', advice: switchedOffAdvice }

export function wordsOf(error: EngineError): ErrorWords {
  if (error.details.asked === 'GPUAdapter') return noAdapter
  return words[error.code] ?? words.internal
}

/** Stopping is not an error. The platform's own AbortError counts too. */
export function isAborted(error: unknown): boolean {
  if (isEngineError(error)) return error.code === 'aborted'
  return error instanceof DOMException && error.name === 'AbortError'
}

export function asEngineError(error: unknown): EngineError {
  if (isEngineError(error)) return error
  const message = error instanceof Error ? error.message : String(error)
  return new EngineError('internal', message, error instanceof Error ? { stack: error.stack } : {})
}

/** "Expected 512, found 511.": what the details know and the message does not say. */
export function findingOf({ code, details, message }: EngineError): string {
  const { tensor, expected, found } = details
  if (code !== 'bad-model' || found === undefined || found === null) return ''
  const isShape = Array.isArray(found) // messages tell shapes as 32 x 16
  if (isShape || message.includes(plain(found))) return ''
  const where = tensor === undefined ? '' : ` in ${plain(tensor)}`
  return expected === undefined
    ? `Found ${plain(found)}${where}.`
    : `Expected ${plain(expected)}, found ${plain(found)}${where}.`
}

function plain(value: unknown): string {
  if (Array.isArray(value)) return value.map(plain).join(' or ')
  return typeof value === 'string' ? value : JSON.stringify(value)
}
