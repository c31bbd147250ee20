// Dawn in Node asks whether the GPU is done in a loop of setImmediate, which takes a whole core. Where the CPU plays the
// GPU it takes it from the GPU: decode of stories260K-f32 on SwiftShader and two busy cores made 45 to 150 tokens/s, with
// a pause 275, in Chromium 300. Delete when Dawn waits for itself:
// https://dawn.googlesource.com/dawn/+/refs/heads/main/src/dawn/node/binding/AsyncRunner.cpp

const PAUSE_MS = 0.05

/** Lets the processor go before every setImmediate. */
export function calmPolling() {
  const { setImmediate } = globalThis
  const never = new Int32Array(new SharedArrayBuffer(4))
  globalThis.setImmediate = (...args) => {
    Atomics.wait(never, 0, 0, PAUSE_MS)
    return setImmediate(...args)
  }
}
