/** Requests that keep an engine busy: each client sends the next one when its answer has ended. */
import type { Engine, GenerateOptions } from '@foretoken/engine'
import { unlessAborted } from './unless-aborted'

export interface Demand {
  /** Clients, each with one request at a time. */
  concurrency: number
  /** Tokens of all answers together after which everything under way is dropped. */
  tokens: number
  /** The i-th request, whoever sends it. */
  request: (i: number) => GenerateOptions
}

/** Ids of the answers by their requests; those that were dropped have only begun. */
export async function serveClients(
  engine: Engine,
  { concurrency, tokens, request }: Demand,
): Promise<number[][]> {
  const answers: number[][] = []
  const controller = new AbortController()
  let left = tokens
  const client = async (): Promise<void> => {
    while (left > 0) {
      const ids: number[] = []
      const next = request(answers.push(ids) - 1)
      for await (const batch of engine.generate({ ...next, signal: controller.signal })) {
        ids.push(...batch.tokens)
        left -= batch.tokens.length
        if (left <= 0) controller.abort()
      }
    }
  }
  const ended = unlessAborted(controller.signal)
  await Promise.all(Array.from({ length: concurrency }, () => client().catch(ended)))
  return answers
}
