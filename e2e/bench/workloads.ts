/** Held-out tasks of the bundled family, as requests. */
import type { Engine, GenerateOptions } from '@foretoken/engine'
import { prompts } from '@foretoken/tiny-models/family'

export const workloads = ['story', 'chat', 'edit', 'extract'] as const
export type Workload = (typeof workloads)[number]

/** The tasks in the order of the file, or so many of the shortest: little to read before there is something to time. */
export function tasksOf(workload: Workload, numShortest?: number): readonly string[] {
  const tasks = prompts[workload]
  if (numShortest === undefined) return tasks
  return tasks.toSorted((a, b) => a.length - b.length).slice(0, numShortest)
}

export const requestOf = (task: string): Pick<GenerateOptions, 'messages'> => ({
  messages: [{ role: 'user', content: task }],
})

/** The ids of one answer. */
export async function answer(engine: Engine, request: GenerateOptions): Promise<number[]> {
  const ids: number[] = []
  for await (const { tokens } of engine.generate(request)) ids.push(...tokens)
  return ids
}
