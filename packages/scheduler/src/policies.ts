/** All policies by name. */
import { BatchTablePolicy } from './batch-table-policy'
import { type FixedOptions, FixedPolicy } from './fixed-policy'
import { GoodputPolicy } from './goodput-policy'
import { OffPolicy } from './off-policy'
import type { Policy } from './policy'
import { type SmartSpecOptions, SmartSpecPolicy } from './smartspec-policy'

export const POLICY_NAMES = ['off', 'fixed', 'batch-table', 'smartspec', 'goodput'] as const
export type PolicyName = (typeof POLICY_NAMES)[number]

/** Of `fixed` and `smartspec`; the others have none. */
export type PolicyOptions = FixedOptions & SmartSpecOptions

export function createPolicy(name: PolicyName, options: PolicyOptions = {}): Policy {
  switch (name) {
    case 'off':
      return new OffPolicy()
    case 'fixed':
      return new FixedPolicy(options)
    case 'batch-table':
      return new BatchTablePolicy()
    case 'smartspec':
      return new SmartSpecPolicy(options)
    case 'goodput':
      return new GoodputPolicy()
  }
}
