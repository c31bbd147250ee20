/**
 * Firefox looks every 100 ms whether the GPU is done (https://bugzilla.mozilla.org/show_bug.cgi?id=1870699), and whenever
 * something is submitted: in Firefox 153 `onSubmittedWorkDone` of an idle queue resolves after 100 ms, in Chromium after 0.1.
 * While anything is waited for, empty submits follow one another: 1 to 2 ms. The bundled model makes 158 tokens/s by it
 * on llvmpipe, and 62 without. Delete when an idle queue is done at once.
 */
const ASK_MS = 1
/** Far above what others take, on a busy machine too. */
const SLOW_MS = 50

/** Makes waits of this device short where the browser makes them long: of its queue, and of buffers that it creates. */
export async function shortenWaits(device: GPUDevice): Promise<void> {
  const { queue } = device
  if (await tellsAtOnce(queue)) return
  const asking = new Asking(device)
  const onSubmittedWorkDone = queue.onSubmittedWorkDone.bind(queue)
  queue.onSubmittedWorkDone = () => asking.until(onSubmittedWorkDone())
  const { prototype } = GPUDevice
  device.createBuffer = descriptor => {
    const buffer = prototype.createBuffer.call(device, descriptor)
    const mapAsync = buffer.mapAsync.bind(buffer)
    buffer.mapAsync = (...args) => asking.until(mapAsync(...args))
    return buffer
  }
}

async function tellsAtOnce(queue: GPUQueue): Promise<boolean> {
  const isSoon = (): Promise<boolean> =>
    Promise.race([
      queue.onSubmittedWorkDone().then(() => true),
      new Promise<false>(resolve => setTimeout(resolve, SLOW_MS, false)),
    ])
  // The first may come by chance just before the browser looks, the second not.
  return (await isSoon()) && (await isSoon())
}

class Asking {
  readonly #queue: GPUQueue
  readonly #turn = new MessageChannel()
  #numWaiting = 0
  #isAsking = false
  #isLost = false

  constructor({ queue, lost }: GPUDevice) {
    this.#queue = queue
    void lost.then(() => {
      this.#isLost = true
    })
    // A timer that is set by a timer takes 4 ms at least, one that is set by a message does not.
    this.#turn.port1.onmessage = () => setTimeout(() => this.#ask(), ASK_MS)
  }

  async until<T>(done: Promise<T>): Promise<T> {
    this.#numWaiting++
    if (!this.#isAsking) this.#again()
    try {
      return await done
    } finally {
      this.#numWaiting--
    }
  }

  #ask(): void {
    this.#isAsking = false
    if (this.#numWaiting === 0 || this.#isLost) return
    this.#queue.submit([])
    this.#again()
  }

  #again(): void {
    this.#isAsking = true
    this.#turn.port2.postMessage(undefined)
  }
}
