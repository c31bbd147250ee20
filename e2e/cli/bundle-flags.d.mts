export const bundleHelp: string
export function parseBundleFlags(
  args: readonly string[],
): { help: true } | { help: false; out: string; platform: string }
