/** Files dropped anywhere on the page. */
import { element } from '@foretoken/look'

export function startFileDrop(onFiles: (files: File[]) => void): void {
  const overlay = element('drop', HTMLDivElement)
  const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false
  const show = (event: DragEvent) => {
    if (!hasFiles(event)) return
    event.preventDefault()
    overlay.hidden = false
  }
  addEventListener('dragenter', show)
  addEventListener('dragover', show)
  addEventListener('dragleave', event => {
    if (event.relatedTarget === null) overlay.hidden = true // out of the window, not into another element
  })
  addEventListener('drop', event => {
    if (!hasFiles(event)) return
    event.preventDefault()
    overlay.hidden = true
    onFiles([...(event.dataTransfer?.files ?? [])])
  })
}
