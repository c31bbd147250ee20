import type { BrowserProviderOption } from 'vitest/node'

export function firefoxProvider(): BrowserProviderOption
