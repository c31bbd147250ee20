/** What preflight found, in words. */
import { bytesText, countText } from '@foretoken/look'
import type { Preflight } from 'foretoken'

export function preflightText(found: Preflight): string {
  const { downloadBytes, gpuBytes, contextLength, draft, fits } = found
  const files = `${bytesText(downloadBytes)} of files`
  if (!fits) return `${files}. Does not fit this device: ${reasonOf(found)}`
  const memory = `${bytesText(gpuBytes.total)} of graphics memory for ${countText(contextLength)} tokens`
  return `${files}, ${memory}. Fits this device.${draft ? commonText(draft.vocabulary) : ''}`
}

function reasonOf({ reason = '', largestContextThatFits: largest }: Preflight): string {
  return largest > 0 ? `${reason} ${countText(largest)} tokens would fit.` : reason
}

function commonText({ sameIds, commonTokens, share }: NonNullable<Preflight['draft']>['vocabulary']): string {
  if (sameIds) return ''
  const percent = Math.round(share * 100)
  return ` Model and draft have ${countText(commonTokens)} tokens in common, ${percent} % of the smaller vocabulary.`
}
