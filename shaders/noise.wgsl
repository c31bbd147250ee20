// Noise from a counter-based hash of (token, position, seed): the same for whoever asks.

// pcg3d (Jarzynski and Olano, "Hash Functions for GPU Rendering", JCGT 2020)
fn hash(token: u32, position: u32, seed: u32) -> u32 {
  var v = vec3<u32>(token, position, seed) * 1664525u + 1013904223u;
  v.x += v.y * v.z;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  v ^= v >> vec3<u32>(16u);
  v.x += v.y * v.z;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  return v.x;
}

// Uniform in (0, 1).
fn uniform_noise(token: u32, position: u32, seed: u32) -> f32 {
  return min((f32(hash(token, position, seed)) + 0.5) * 2.3283064e-10, 0.99999994);
}

// -log(-log(1 - u)). The noise that matters comes from small u, where log(1 - u) would lose all its digits: there its
// series stands in.
fn gumbel(token: u32, position: u32, seed: u32) -> f32 {
  let u = uniform_noise(token, position, seed);
  let series = u * fma(u, fma(u, fma(u, 0.25, 0.33333334), 0.5), 1.0);
  return -log(select(-log(1.0 - u), series, u < 0.03125));
}

// Where a draft is drawn and accepted by noise of its own (verify.wgsl), these streams stand in for the request's seed.
// They are new in every step, which the committed length tells apart: block verification looks at tokens behind those
// that it keeps, so what was drawn there says something of its decision and must not be drawn again. No token has their
// ids, so no token's noise is a stream's seed.
const DRAFT_STREAM = 0xffffffffu;
const ACCEPT_STREAM = 0xfffffffeu;

fn stream_seed(stream: u32, length: u32, seed: u32) -> u32 { return hash(stream, length, seed); }
