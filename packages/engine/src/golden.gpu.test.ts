import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Engine } from './index'

interface Case {
  model: string
  prompt: string
  promptTokens: number[]
  tokens: number[]
  top: Array<Array<[number, number]>>
}

const shared = `${import.meta.env.VITE_SHARED ?? ''}`
const load = async (): Promise<Case[]> => (await (await fetch(`${shared}/golden/stories260K.json`)).json()).cases
it('x', async () => {
  const cases = await load()
  const engine = await Engine.load({ model: new URL(`${shared}/models/${cases[0]!.model}`, location.href) })
  const out: number[] = []
  for await (const b of engine.generate({ prompt: cases[0]!.prompt, maxTokens: 64, speculation: 'off' })) out.push(...b.tokens)
  console.log(out.join(), cases[0]!.tokens.join())
  console.log(JSON.stringify(engine.stats()))
  expect(out).toEqual(cases[0]!.tokens.slice(0, 64))
})
