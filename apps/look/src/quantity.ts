/** Numbers as people read them. */
const oneDigit = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const twoDigits = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 })
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
const unknown = '–'

export function bytesText(bytes: number): string {
  if (bytes < 1e3) return `${whole.format(bytes)} B`
  if (bytes < 1e6) return `${whole.format(bytes / 1e3)} KB`
  if (bytes < 1e9) return `${oneDigit.format(bytes / 1e6)} MB`
  return `${twoDigits.format(bytes / 1e9)} GB`
}

export function rateText(rate: number | undefined): string {
  if (rate === undefined) return unknown
  return rate < 100 ? oneDigit.format(rate) : whole.format(rate)
}

export function ratioText(ratio: number | undefined): string {
  return ratio === undefined ? unknown : twoDigits.format(ratio)
}

export function shareText(share: number | undefined): string {
  return share === undefined ? unknown : `${whole.format(share * 100)} %`
}

export function durationText(ms: number | undefined): string {
  if (ms === undefined) return unknown
  return ms < 1000 ? `${whole.format(ms)} ms` : `${oneDigit.format(ms / 1000)} s`
}

export function countText(count: number): string {
  return whole.format(count)
}

/** 39.6K, 135M */
export function parametersText(count: number): string {
  return compact.format(count)
}
