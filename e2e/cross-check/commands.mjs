// Engines not written here, as commands that browser tests call: llama.cpp and transformers. Null where one is absent.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** Where `npm install node-llama-cpp` was run, and a Python that has torch, transformers, gguf and safetensors. */
const llamaFolder = process.env.FORETOKEN_LLAMA_CPP
const python = process.env.FORETOKEN_PYTHON
const checkScript = fileURLToPath(
  new URL('../../packages/tiny-models/train/transformers_check.py', import.meta.url),
)

/** Null without FORETOKEN_LLAMA_CPP; a wrong one is an error. */
async function openLlama() {
  if (!llamaFolder) return null
  const entry = resolve(llamaFolder, 'node_modules/node-llama-cpp/dist/index.js')
  if (!existsSync(entry)) throw new Error(`FORETOKEN_LLAMA_CPP: there is no ${entry}`)
  const { getLlama } = await import(/* @vite-ignore */ pathToFileURL(entry).href)
  // It waits busily: with more threads it fights the browser for the processor.
  return getLlama({ gpu: false, build: 'never', maxThreads: 1, logLevel: 'error' })
}

/** What `use` makes of a model file that llama.cpp has loaded, `file` in base64; null without llama.cpp. */
async function withLlamaModel(file, use) {
  const llama = await openLlama()
  if (!llama) return null
  const folder = mkdtempSync(join(tmpdir(), 'foretoken-llama-'))
  try {
    const modelPath = join(folder, 'model.gguf')
    writeFileSync(modelPath, Buffer.from(file, 'base64'))
    const model = await llama.loadModel({ modelPath, gpuLayers: 0 })
    const used = await use(model)
    await model.dispose()
    return used
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** What `use` makes of a sequence, with keys and values in f32. */
async function withSequence(model, contextSize, use) {
  const context = await model.createContext({
    contextSize,
    threads: 1,
    flashAttention: false,
    experimentalKvCacheKeyType: 'F32',
    experimentalKvCacheValueType: 'F32',
  })
  const used = await use(context.getSequence())
  await context.dispose()
  return used
}

/** Greedy ids behind each prompt, up to `count` or the end token. */
const llamaCppGreedy = (_, file, prompts, count) =>
  withLlamaModel(file, async model => {
    const answers = []
    for (const prompt of prompts) {
      const greedy = { temperature: 0, yieldEogToken: true }
      const ids = await withSequence(model, 1024, async sequence => {
        const ids = []
        for await (const id of sequence.evaluate(prompt, greedy)) {
          ids.push(id)
          if (ids.length === count || model.isEogToken(id)) break
        }
        return ids
      })
      answers.push(ids)
    }
    return answers
  })

/** Behind each of the tokens: all ids with their probabilities. */
const llamaCppProbabilities = (_, file, tokens) =>
  withLlamaModel(file, model =>
    withSequence(model, 256, async sequence => {
      const asked = tokens.map(token => [token, { generateNext: { probabilities: true } }])
      const found = await sequence.controlledEvaluate(asked)
      return found.map(({ next }) => [...next.probabilities])
    }),
  )

/** What transformers_check.py answers. Null without FORETOKEN_PYTHON. */
function transformersCheck(_, asked) {
  if (!python) return null
  return new Promise((answer, fail) => {
    const child = spawn(python, [checkScript], { stdio: ['pipe', 'pipe', 'inherit'] })
    let said = ''
    child.stdout.on('data', part => {
      said += part
    })
    child.on('error', fail)
    child.on('close', code =>
      code === 0 ? answer(JSON.parse(said)) : fail(new Error(`${python}: exit ${code}`)),
    )
    child.stdin.end(JSON.stringify(asked))
  })
}

/** Which of them are there. */
const crossCheckTools = () => ({ llamaCpp: Boolean(llamaFolder), transformers: Boolean(python) })

export const crossCheckCommands = {
  crossCheckTools,
  llamaCppGreedy,
  llamaCppProbabilities,
  transformersCheck,
}
