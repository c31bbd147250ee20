/**
 * Where guessing without a model pays: prompt lookup and an n-gram cache along the answers that come with Spec-Bench and
 * HumanEval, in GPT-2's tokens. A prompt without an answer is its own: its second half is guessed from the first. The
 * answers are people's, not a model's, which repeats the prompt and itself more often; and GPT-2 has a token for every
 * space of an indentation, which makes code easier to guess than newer tokenizers do.
 */
import { LAX, lookup, MAX_N, NgramCache, STRICT } from '@foretoken/scheduler'
import { type Gpt2TokenizerJson, gpt2Metadata, tokenizerFromGguf } from '@foretoken/tokenizer'
import { type Conversation, humanEval, specBench } from './conversations'
import { type MatchFigures, matchFigures } from './match-figures'
import { type Guessed, type Guesser, replay } from './replay'

/** Who guesses. */
export type StudiedDrafter = 'lookup' | 'cache'

/** One text, as the simulator plays it again. */
export interface PromptRun {
  category: string
  /** Tokens before it. */
  promptTokens: number
  /** Guesses that hold at each of its tokens; -1: there is no guess. */
  outcomes: Record<StudiedDrafter, number[]>
}

export interface CategoryFigures extends MatchFigures {
  category: string
  drafter: StudiedDrafter
  /** Texts: reference answers, and second halves of prompts. */
  answers: number
  halves: number
}

export interface PromptStudy {
  categories: CategoryFigures[]
  runs: PromptRun[]
}

interface Text {
  context: readonly number[]
  continuation: readonly number[]
  isAnswer: boolean
}

type Encode = (text: string) => readonly number[]

/** From the contents of the files. */
export function studyFiles(files: {
  tokenizer: Gpt2TokenizerJson
  specBench: string
  humanEval: string
}): PromptStudy {
  const tokenizer = tokenizerFromGguf(gpt2Metadata(files.tokenizer))
  const conversations = [...specBench(files.specBench), ...humanEval(files.humanEval)]
  return promptStudy(conversations, text => tokenizer.encode(text))
}

export function promptStudy(conversations: readonly Conversation[], encode: Encode): PromptStudy {
  const study: PromptStudy = { categories: [], runs: [] }
  for (const category of new Set(conversations.map(conversation => conversation.category))) {
    // The cache has seen the conversations of the same kind that came before, as one user's would have.
    const cache = new NgramCache()
    const replayed: Array<Text & Record<StudiedDrafter, Guessed[]>> = []
    for (const conversation of conversations.filter(one => one.category === category)) {
      const texts = textsOf(conversation, encode)
      for (const text of texts) {
        const along = (guess: Guesser) => replay(text.context, text.continuation, guess)
        replayed.push({ ...text, lookup: along(lookup), cache: along(cacheGuesser(cache, text.context)) })
      }
      const last = texts.at(-1)
      if (last) cache.learn([...last.context, ...last.continuation], Number.POSITIVE_INFINITY)
    }
    const answers = replayed.filter(({ isAnswer }) => isAnswer).length
    const counts = { answers, halves: replayed.length - answers }
    for (const drafter of ['lookup', 'cache'] as const) {
      const figures = matchFigures(replayed.map(text => text[drafter]))
      study.categories.push({ category, drafter, ...counts, ...figures })
    }
    for (const { context, lookup, cache } of replayed) {
      const outcomes = { lookup: lookup.map(outcomeOf), cache: cache.map(outcomeOf) }
      study.runs.push({ category, promptTokens: context.length, outcomes })
    }
  }
  return study
}

const outcomeOf = ({ offered, accepted }: Guessed): number => (offered > 0 ? accepted : -1)

/** Its answers, each behind all that was said before; or the second half of its prompts, if it has none. */
function textsOf({ turns }: Conversation, encode: Encode): Text[] {
  const said: number[] = []
  const texts: Text[] = []
  for (const { prompt, answer } of turns) {
    said.push(...encode(prompt))
    if (answer === undefined) continue
    const continuation = encode(answer)
    texts.push({ context: [...said], continuation, isAnswer: true })
    said.push(...continuation)
  }
  if (texts.length > 0) return texts
  const half = said.length >> 1
  return [{ context: said.slice(0, half), continuation: said.slice(half), isAnswer: false }]
}

/** What the text itself has shown comes first, then what others have (llama.cpp's context and dynamic caches). */
function cacheGuesser(shared: NgramCache, context: readonly number[]): Guesser {
  const own = new NgramCache()
  own.learn(context, context.length)
  let numKnown = context.length
  return (tokens, depth) => {
    own.learn(tokens, tokens.length - numKnown)
    numKnown = tokens.length
    const tail = tokens.slice(-MAX_N)
    const guessed: number[] = []
    while (guessed.length < depth) {
      const token = own.next(tail, LAX) ?? shared.next(tail, STRICT)
      if (token === undefined) break
      guessed.push(token)
      tail.push(token)
    }
    return guessed
  }
}
