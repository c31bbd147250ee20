/** Simulates beside the page. */
import { type Measured, simulateLoad } from './load-simulation.ts'

onmessage = ({ data }: MessageEvent<Measured>) => postMessage(simulateLoad(data))
