/** In Firefox: devices that tests open themselves are as quick as the engine's. */
import { shortenWaits } from '@foretoken/engine'

const { requestDevice } = GPUAdapter.prototype
GPUAdapter.prototype.requestDevice = async function (...args) {
  const device = await requestDevice.apply(this, args)
  await shortenWaits(device)
  return device
}
