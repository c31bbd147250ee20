/** Simulates beside the page. */
import { type Measured, simulateLoad } from './load-simulation.ts'

addEventListener('message', ({ data }: MessageEvent<Measured>) => postMessage(simulateLoad(data)))
