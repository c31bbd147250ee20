/** Has the workers that the page makes from now on begin with this script. */
export function tellWorkers(script: string): void {
  const { Worker } = globalThis
  const asModule = (text: string) => URL.createObjectURL(new Blob([text], { type: 'text/javascript' }))
  globalThis.Worker = class extends Worker {
    constructor(url: string | URL, options?: WorkerOptions) {
      super(asModule(`import '${asModule(script)}'; import '${new URL(url, location.href)}'`), options)
    }
  }
}
