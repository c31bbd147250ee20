/** Bytes as commands take them, in base64. */
export function base64(bytes: BlobPart): Promise<string> {
  const reader = new FileReader()
  reader.readAsDataURL(new Blob([bytes]))
  return new Promise((resolve, reject) => {
    reader.onload = () => resolve(String(reader.result).split(',')[1]!)
    reader.onerror = () => reject(reader.error)
  })
}
