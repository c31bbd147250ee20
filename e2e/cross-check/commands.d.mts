import type { BrowserCommand } from 'vitest/node'

export interface TransformersAnswer {
  /** By text, by position, by id. */
  logits: number[][][]
  ids: number[][]
  chatIds: number[][]
}

export declare const crossCheckCommands: {
  crossCheckTools: BrowserCommand<[]>
  llamaCppGreedy: BrowserCommand<[file: string, prompts: number[][], count: number]>
  llamaCppProbabilities: BrowserCommand<[file: string, tokens: number[]]>
  transformersCheck: BrowserCommand<[asked: { tokens: number[][]; texts: string[]; chats: string[] }]>
}

declare module 'vitest/browser' {
  interface BrowserCommands {
    crossCheckTools: () => Promise<{ llamaCpp: boolean; transformers: boolean }>
    llamaCppGreedy: (file: string, prompts: number[][], count: number) => Promise<number[][] | null>
    llamaCppProbabilities: (file: string, tokens: number[]) => Promise<Array<Array<[number, number]>> | null>
    transformersCheck: (asked: {
      tokens: number[][]
      texts: string[]
      chats: string[]
    }) => Promise<TransformersAnswer | null>
  }
}
