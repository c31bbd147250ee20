export { type Arrival, arrivalsAtOnce, gammaArrivals, poissonArrivals, traceArrivals } from './arrivals'
export {
  type Device,
  llama70bH100,
  noisy,
  pairDevice,
  rooflineDevice,
  type StepLoad,
  swiftShader,
  tableDevice,
} from './device'
export type { Metrics } from './metrics'
export { Random } from './random'
export { type Simulation, type SimulationResult, simulate, type TimelineStep } from './simulate'
export {
  type DrafterBehaviour,
  mixedWorkload,
  type RecordedRun,
  recordedWorkload,
  type SyntheticWorkload,
  syntheticWorkload,
  type Workload,
} from './workload'
