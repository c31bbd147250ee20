/** Starts the page. */
import { element, findMissing, startTheme } from '@foretoken/look'
import { AlertBox } from './alert-box.ts'
import { ChatPage } from './chat-page.ts'
import { startFileDrop } from './file-drop.ts'
import { choiceOfFiles, type ModelChoice } from './model-choice.ts'
import { ModelDialog } from './model-dialog.ts'
import { bundledChoice } from './model-list.ts'
import { setPageState } from './page-state.ts'
import { SidePanel } from './side-panel.ts'

function start(): void {
  startTheme()
  const missing = findMissing()
  if (missing) {
    document.body.dataset.unsupported = ''
    setPageState('error', missing.title)
    new AlertBox().showFinal(missing.title, missing.paragraphs)
    return
  }
  new SidePanel()
  const page = new ChatPage()
  const load = (choice: ModelChoice) => void page.load(choice)
  const dialog = new ModelDialog(load)
  startFileDrop(files => {
    const choice = choiceOfFiles(files)
    dialog.close()
    if (choice) load(choice)
    else page.complain('The dropped file is no .gguf file.')
  })
  element('new-conversation', HTMLButtonElement).addEventListener('click', () => void page.startAnew())
  addEventListener('keydown', event => {
    const inDialog = document.querySelector('dialog[open]') !== null
    if (event.key === 'Escape' && !inDialog) page.stop()
  })
  load(bundledChoice)
}

start()
