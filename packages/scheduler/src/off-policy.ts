/** Never speculates: what the others are measured against. */
import { type Choice, OFF, type Policy, type Situation } from './policy'

export class OffPolicy implements Policy {
  choose({ contenders }: Situation): Choice[] {
    return contenders.map(() => OFF)
  }
}
