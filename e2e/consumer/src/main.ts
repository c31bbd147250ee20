import { createEngine, type EngineError, isEngineError, type TokenBatch } from 'foretoken'

async function generate(): Promise<{ tokens: number[]; text: string }> {
  const engine = await createEngine({ model: 'bundled' })
  const batches: TokenBatch[] = []
  for await (const batch of engine.generate({ prompt: 'Once upon a time', maxTokens: 16, ignoreEos: true })) {
    batches.push(batch)
  }
  await engine.dispose()
  return { tokens: batches.flatMap(({ tokens }) => tokens), text: batches.map(({ text }) => text).join('') }
}

function describe(error: unknown): string {
  if (!isEngineError(error)) return String(error)
  const { code, message }: EngineError = error
  return `${code}: ${message}`
}

generate().then(
  result => {
    document.title = JSON.stringify(result)
  },
  (error: unknown) => {
    document.title = JSON.stringify({ error: describe(error) })
  },
)
