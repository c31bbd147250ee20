import type { BrowserProviderOption } from 'vitest/node'

export function findFirefox(): string
export function openFirefox(url: string): { ended: Promise<unknown>; close: () => Promise<void> }
export function firefoxProvider(): BrowserProviderOption
