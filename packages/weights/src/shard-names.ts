/** Split models: name-00001-of-00003.gguf, as llama.cpp's gguf-split names them, or .safetensors, as transformers does. */
const shard = /-(\d{5})-of-(\d{5})(?=\.(?:gguf|safetensors)$)/i

/** All parts of the file that this one is a part of, in order; of a whole file itself alone. */
export function shardNames(name: string): string[] {
  const numShards = Number(shard.exec(name)?.[2] ?? 0)
  if (numShards < 2) return [name]
  return Array.from({ length: numShards }, (_, i) => withNumber(name, i + 1))
}

/** The name of the first part, by which a split model goes. */
export const firstShard = (name: string): string => (shard.test(name) ? withNumber(name, 1) : name)

export const isLaterShard = (name: string): boolean => firstShard(name) !== name

const withNumber = (name: string, number: number): string =>
  name.replace(shard, (_, __, count) => `-${String(number).padStart(5, '0')}-of-${count}`)
