/** Which file is meant where only its folder was named. */
import { badModel } from './bad-model'
import { isLaterShard } from './shard-names'

export type FileKind = '.gguf' | '.safetensors'

/** What is chosen of several, by what the name says. */
const preferred = ['q8_0', 'q4_0', 'q4_k_m', 'q5_k_m', 'q6_k', 'f16', 'bf16', 'f32']

/** Throws `bad-model` with the names where there is none, or none to prefer. */
export function chooseFile(names: readonly string[], kind: FileKind, folder: string): string {
  // "mmproj" files are the eyes of a model, not a model.
  const models = names.filter(
    name => name.toLowerCase().endsWith(kind) && !isLaterShard(name) && !/mmproj/i.test(name),
  )
  if (models.length === 1) return models[0]!
  for (const type of preferred) {
    const name = models.find(model => typesOf(model).includes(type))
    if (name !== undefined) return name
  }
  const expected = `a ${kind} file`
  const found = models.length === 0 ? [...names].slice(0, 100) : models
  const message =
    models.length === 0
      ? `${folder} holds no ${kind} file.`
      : `${folder} holds ${models.length} ${kind} files; name one of them: ${models.join(', ')}.`
  throw badModel(message, { folder, expected, found })
}

const typesOf = (name: string): string[] => name.toLowerCase().split(/[-./]/)
