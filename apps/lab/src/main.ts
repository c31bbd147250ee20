/** Starts the page. */
import { element, findMissing, startTheme } from '@foretoken/look'
import { LabPage } from './lab-page.ts'

function start(): void {
  startTheme()
  const missing = findMissing()
  if (!missing) {
    void new LabPage().load()
    return
  }
  const alert = element('alert', HTMLDivElement)
  alert.textContent = [missing.title, ...missing.paragraphs].join('. ')
  alert.hidden = false
  document.body.dataset.state = 'error'
  element('status', HTMLParagraphElement).textContent = missing.title
}

start()
