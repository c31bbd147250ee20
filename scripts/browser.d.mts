export function findBrowser(): Promise<string | undefined>
export function ensureBrowser(): Promise<string>
export function hasGpu(): boolean
export function launchArgs(options?: { software?: boolean; webgpu?: boolean }): string[]
