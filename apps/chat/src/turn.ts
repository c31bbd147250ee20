import type { GenerateOptions } from 'foretoken'

type ChatMessage = NonNullable<GenerateOptions['messages']>[number]

import { Answer } from './answer.ts'
import type { Mode } from './model-choice.ts'

/** A prompt and what the model made of it. */
export interface Turn {
  mode: Mode
  prompt: string
  answer: Answer
}

export function newTurn(mode: Mode, prompt: string): Turn {
  return { mode, prompt, answer: new Answer() }
}

/** The chat up to and including the prompt of `turn`; passages continued raw are no part of a chat. */
export function messagesUpTo(turns: readonly Turn[], turn: Turn): ChatMessage[] {
  const earlier = turns
    .slice(0, turns.indexOf(turn))
    .filter(other => other.mode === 'chat' && other.answer.text)
  const told = earlier.flatMap(({ prompt, answer }): ChatMessage[] => [
    { role: 'user', content: prompt },
    { role: 'assistant', content: answer.text },
  ])
  return [...told, { role: 'user', content: turn.prompt }]
}
