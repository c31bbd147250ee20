/** What a request may say of speculation: off, each drafter at fixed depths, or the controller. */
import type { Speculation } from '@foretoken/engine'

export interface NamedChoice {
  name: string
  speculation: Speculation
}

const DRAFTERS = ['lookup', 'draft'] as const
const DEPTHS = [1, 2, 4, 8]

export const OFF: NamedChoice = { name: 'off', speculation: 'off' }
export const AUTO: NamedChoice = { name: 'auto', speculation: 'auto' }

export const fixedChoices: readonly NamedChoice[] = [
  OFF,
  ...DRAFTERS.flatMap(method =>
    DEPTHS.map(depth => ({ name: `${method}@${depth}`, speculation: { method, depth } })),
  ),
]
