/** Automatic, light or dark. The choice is remembered. */
import { element } from './element.ts'

const themes = ['auto', 'light', 'dark'] as const
type Theme = (typeof themes)[number]
const names: Record<Theme, string> = { auto: 'Auto', light: 'Light', dark: 'Dark' }
const key = 'foretoken.theme'

export function startTheme(): void {
  let theme = remembered()
  const button = element('theme', HTMLButtonElement)
  const show = () => {
    document.documentElement.dataset.theme = theme
    element('theme-label', HTMLSpanElement).textContent = `Theme: ${names[theme]}`
    button.title = `Theme: ${names[theme]}`
  }
  button.addEventListener('click', () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length]!
    remember(theme)
    show()
  })
  show()
}

function remembered(): Theme {
  try {
    return themes.find(theme => theme === localStorage.getItem(key)) ?? 'auto'
  } catch {
    return 'auto' // storage is closed to this page
  }
}

function remember(theme: Theme): void {
  try {
    localStorage.setItem(key, theme)
  } catch {
    // storage is closed to this page: the choice lasts until it is left
  }
}
