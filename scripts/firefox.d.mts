import type { BrowserProviderOption } from 'vitest/node'

export function findFirefox(): string
/** Returns what closes it. */
export function openFirefox(url: string): () => Promise<void>
export function firefoxProvider(): BrowserProviderOption
