/**
 * The models that the page offers, from models.json, the smallest first. Repositories, files and sizes are as they were
 * known when the list was written, without a look at the Hub; what a download really takes, the page asks when one is chosen.
 */
import { bytesText } from '@foretoken/look'
import type { Mode, ModelChoice, ModelSource } from './model-choice.ts'
import entries from './models.json'

export interface ListedFile {
  name: string
  model: ModelSource
  /** Files of one vocabulary guess for each other by their ids; others guess what they have in common. */
  vocabulary: string
  /** About. */
  megabytes: number
}

export interface ListedModel extends ListedFile {
  /** As GGUF calls it. */
  architecture: string
  draft?: ListedFile
  mode: Mode
  note: string
}

/** Of a mirror of the Hub, where the page's address names one: ?hub=https://… */
const hub = new URLSearchParams(globalThis.location?.search).get('hub')

export const modelList = entries as ListedModel[]

const located = (model: ModelSource): ModelSource =>
  hub && typeof model === 'object' && 'repo' in model ? { ...model, hub } : model

export function choiceOfListed({ name, model, draft, mode }: ListedModel, withDraft: boolean): ModelChoice {
  return { name, model: located(model), mode, ...(draft && withDraft ? { draft: located(draft.model) } : {}) }
}

export function sizeText({ model, megabytes }: ListedFile): string {
  const size = bytesText(megabytes * 1e6)
  return model === 'bundled' ? `${size}, with its draft` : `about ${size}`
}

/** Whether its draft has the same tokens. */
export const isAlike = ({ draft, vocabulary }: ListedModel): boolean => draft?.vocabulary === vocabulary

/** What the page loads by itself. */
export const bundledChoice: ModelChoice = choiceOfListed(modelList[0]!, false)
