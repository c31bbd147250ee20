/** Noise from a counter-based hash of (token, position, seed): noise.wgsl. */
import { fma } from './wgsl-builtins'

const f32 = Math.fround

/** What draws a draft and accepts it, where that must not be the target's own noise; no token's ids. */
export const DRAFT_STREAM = 0xffffffff
export const ACCEPT_STREAM = 0xfffffffe

/** New in every step, which the committed length tells apart. */
export const streamSeed = (stream: number, length: number, seed: number) => hash(stream, length, seed)

/** pcg3d (Jarzynski and Olano, "Hash Functions for GPU Rendering", JCGT 2020) */
export function hash(token: number, position: number, seed: number): number {
  let [x, y, z] = [token, position, seed].map(v => Math.imul(v, 1664525) + 1013904223) as [
    number,
    number,
    number,
  ]
  x += Math.imul(y, z)
  y += Math.imul(z, x)
  z += Math.imul(x, y)
  x ^= x >>> 16
  y ^= y >>> 16
  z ^= z >>> 16
  x += Math.imul(y, z)
  y += Math.imul(z, x)
  z += Math.imul(x, y)
  return x >>> 0
}

/** Uniform in (0, 1). */
export function uniformNoise(token: number, position: number, seed: number): number {
  const uniform = f32(f32(f32(hash(token, position, seed)) + 0.5) * f32(2.3283064e-10))
  return Math.min(uniform, f32(0.99999994))
}

/** -log(-log(1 - u)). */
export function gumbel(token: number, position: number, seed: number): number {
  const u = uniformNoise(token, position, seed)
  const series = f32(u * fma(u, fma(u, fma(u, 0.25, f32(0.33333334)), 0.5), 1))
  return f32(-Math.log(u < 0.03125 ? series : f32(-Math.log(f32(1 - u)))))
}
