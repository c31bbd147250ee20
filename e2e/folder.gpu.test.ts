/** The bundled target as a Hugging Face folder: the same model as its GGUF files, to the bit. */
import { Engine, type EngineOptions, sharedDevice } from '@foretoken/engine'
import { family } from '@foretoken/tiny-models/family'
import { expect, it } from 'vitest'
import config from '../packages/tiny-models/tales-target/config.json?url'
import tokenizer from '../packages/tiny-models/tales-target/tokenizer.json?url'
import tokenizerConfig from '../packages/tiny-models/tales-target/tokenizer_config.json?url'
import { huggingFaceFolder } from './hub/hugging-face-folder'

const fetched = async (url: string | URL) => new Uint8Array(await (await fetch(url)).arrayBuffer())
const texts = {
  'config.json': await fetched(config),
  'tokenizer.json': await fetched(tokenizer),
  'tokenizer_config.json': await fetched(tokenizerConfig),
}
const shards = await huggingFaceFolder(await fetched(family.target.f16), texts, 3)
const folder = Object.entries(shards).map(([name, bytes]) => new File([bytes], name))

async function answer(options: Pick<EngineOptions, 'model' | 'quantize'>) {
  const internals = { skipCalibration: true, device: await sharedDevice() }
  const engine = await Engine.load({ ...options, contextLength: 256 }, internals)
  const messages = [{ role: 'user', content: 'Tell me a story about a fox.' }]
  const ids: number[] = []
  const request = { messages, maxTokens: 32, speculation: 'off' } as const
  for await (const { tokens } of engine.generate(request)) ids.push(...tokens)
  const { logits } = await engine.forward(engine.tokenize('Once upon a time there was a fox. '))
  const { format } = engine.stats().model
  engine.dispose()
  return { format, ids, bits: new Uint32Array(logits.slice().buffer) }
}

// Unquantised, its tensors are those of a GGUF file: open-model-files.test.ts.
it('has, quantised, the ids and the bits of the q8_0 file', async () => {
  const { q8_0 } = family.target
  expect(await answer({ model: folder, quantize: 'q8_0' })).toEqual(await answer({ model: q8_0 }))
}, 120_000)
