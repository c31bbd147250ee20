/** Whether WebGPU can be had here, before anything else is tried. */
export interface Missing {
  title: string
  paragraphs: string[]
}

export const switchedOffAdvice =
  'On Linux, or where it is switched off: in Chrome, turn on “Unsafe WebGPU Support” at chrome://flags and ' +
  '“Use graphics acceleration when available” in the system settings, then restart the browser; in Firefox, set ' +
  'dom.webgpu.enabled to true at about:config.'

export function findMissing(): Missing | undefined {
  if (!window.isSecureContext) {
    return {
      title: 'WebGPU is closed to this page',
      paragraphs: [
        'Browsers offer WebGPU only on secure pages. Open this page over https, or from localhost.',
      ],
    }
  }
  if (navigator.gpu) return undefined
  return {
    title: 'This browser has no WebGPU',
    paragraphs: [
      'Foretoken runs a language model on your graphics card, in this page, and reaches it through WebGPU.',
      'These have it: Chrome and Edge from version 113 on desktop and 121 on Android, Safari from version 26, ' +
        'Firefox from version 141 on Windows and 145 on a Mac with Apple silicon.',
      switchedOffAdvice,
    ],
  }
}
