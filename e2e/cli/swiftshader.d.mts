export function findSwiftShader(
  browser: string | undefined,
): { LD_LIBRARY_PATH: string; VK_ICD_FILENAMES: string } | undefined
