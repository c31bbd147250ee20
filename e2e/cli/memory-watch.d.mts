import type { MemoryUse } from '../bench/bench-context.ts'

export class MemoryWatch {
  constructor(memory: { collect(): Promise<unknown>; read(): Promise<MemoryUse> })
  begin(): Promise<void>
  end(): Promise<MemoryUse>
}
