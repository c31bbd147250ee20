/** Colours of drafters and lines, from the page's stylesheet. */
const variables: Readonly<Record<string, string>> = {
  off: '--target',
  target: '--target',
  draft: '--draft',
  lookup: '--lookup',
  cache: '--cache',
  heads: '--heads',
  prefill: '--line-strong',
}

export function colourOf(name: string): string {
  return style(variables[name] ?? '--ink')
}

/** A custom property of the page as a plain colour that a canvas understands. */
export function style(property: string): string {
  const probe = document.createElement('span')
  probe.style.color = `var(${property})`
  document.body.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}

/** Calls back now and whenever the page turns light or dark. */
export function onTheme(draw: () => void): void {
  draw()
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ['data-theme'] })
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw)
}
