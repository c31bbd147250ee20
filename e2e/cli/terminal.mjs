// What the commands write to stderr: stdout carries only the result.
import process from 'node:process'

let isProgressShown = false

/** One line that is overwritten; nothing where stderr is not a terminal. */
export function showProgress({ phase, file, loaded, total }) {
  if (!process.stderr.isTTY) return
  const share = total ? ` ${Math.round((100 * loaded) / total)} %` : ''
  process.stderr.write(`\r\u001b[K${phase} ${file}${share}`)
  isProgressShown = true
}

export function clearProgress() {
  if (isProgressShown) process.stderr.write('\r\u001b[K')
  isProgressShown = false
}

export const describeError = ({ code, message, details }) =>
  `${code}: ${message.replaceAll('\n', ' ')} ${JSON.stringify(details)}`
