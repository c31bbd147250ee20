export { element, make, makeButton } from './element.ts'
export {
  bytesText,
  countText,
  durationText,
  parametersText,
  rateText,
  ratioText,
  shareText,
} from './quantity.ts'
export { startTheme } from './theme.ts'
export { findMissing, type Missing, switchedOffAdvice } from './webgpu-check.ts'
