/** The prompt sets of ../shared/prompts as conversations, each turn with the answer that was given to it, if any. */

export interface Turn {
  prompt: string
  /** A reference answer. */
  answer: string | undefined
}

export interface Conversation {
  category: string
  turns: readonly Turn[]
}

interface SpecBenchRecord {
  category: string
  turns: readonly string[]
  /** By turn; where several answers would do, all of them. */
  reference?: ReadonlyArray<string | readonly string[]>
}

interface HumanEvalRecord {
  prompt: string
  canonical_solution: string
}

/** spec-bench.jsonl (Xia et al., 2401.07851): questions of 13 kinds, with one turn or two. */
export const specBench = (jsonl: string): Conversation[] =>
  records<SpecBenchRecord>(jsonl).map(({ category, turns, reference }) => ({
    category,
    turns: turns.map((prompt, i) => ({ prompt, answer: textOf(reference?.[i]) })),
  }))

/** HumanEval.jsonl (Chen et al., 2107.03374): the heads of functions, and what belongs below them. */
export const humanEval = (jsonl: string): Conversation[] =>
  records<HumanEvalRecord>(jsonl).map(({ prompt, canonical_solution }) => ({
    category: 'HumanEval',
    turns: [{ prompt, answer: canonical_solution }],
  }))

const records = <T>(jsonl: string): T[] =>
  jsonl
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line))

function textOf(reference: string | readonly string[] | undefined): string | undefined {
  const text = typeof reference === 'object' ? reference.join(', ') : reference
  return text === '' ? undefined : text
}
