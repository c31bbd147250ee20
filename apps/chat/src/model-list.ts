/** The models that the page offers, from models.json. */
import type { Mode, ModelChoice, ModelSource } from './model-choice.ts'
import entries from './models.json'

export interface ListedDraft {
  name: string
  model: ModelSource
  size: string
}

export interface ListedModel {
  name: string
  model: ModelSource
  draft?: ListedDraft
  mode: Mode
  size: string
  note: string
}

export const modelList = entries as ListedModel[]

export function choiceOfListed({ name, model, draft, mode }: ListedModel, withDraft: boolean): ModelChoice {
  return { name, model, mode, ...(draft && withDraft ? { draft: draft.model } : {}) }
}

/** What the page loads by itself. */
export const bundledChoice: ModelChoice = choiceOfListed(modelList[0]!, false)
