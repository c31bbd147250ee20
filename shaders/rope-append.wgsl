// Rotates q in place and k on its way into the KV cache; v goes along unchanged.   (Su et al., 2104.09864)
// One workgroup per row. cos and sin come from a table computed in double precision on the CPU: WGSL promises
// too little of sin and cos for large angles.
//
// The cache is made of 16-byte chunks, 8 f16 or 4 f32 dimensions each. K lies chunk by chunk, positions within, and V
// position by position, so that attend.wgsl's threads, over positions and then over dimensions, read neighbours.
@group(0) @binding(1) var<storage, read> table: array<vec2<f32>>;        // [context, rope_dim / 2] cos, sin
@group(0) @binding(2) var<storage, read_write> qkv: array<f32>;          // [rows, q heads | k heads | v heads]
@group(0) @binding(3) var<storage, read_write> kv: array<vec4<u32>>;     // [blocks, k|v, kv_heads, BLOCK * CHUNKS]
@group(0) @binding(4) var<uniform> shape: vec4<u32>;                     // heads, kv_heads, rope_dim, stride of qkv

const KV_F16 = false;
const HEAD_DIM = 64u;
const CHUNKS = 16u;     // per head: HEAD_DIM rounded up to 8, over 8 f16 or 4 f32
const NEOX = false;     // pairs (i, i + rope_dim / 2); otherwise adjacent pairs (2i, 2i + 1)
const BLOCK = 64u;      // KV positions per block
const WORKGROUP = 64u;

const PLANE = BLOCK * CHUNKS;
const MAX_F16 = 65504.0; // infinity in the cache would reach rows that do not see it: 0 * infinity is no number

// Elements i and i + 1 of a head of k after rotation, i even; 0 in the padding.
fn k_pair(at: u32, i: u32, position: u32) -> vec2<f32> {
  let rope_dim = shape.z;
  let half = rope_dim / 2u;
  let pair = vec2<f32>(qkv[at + i], qkv[at + i + 1u]);
  if (i >= HEAD_DIM) { return vec2<f32>(0.0); }
  if (i >= rope_dim) { return pair; }
  //: if NEOX
  return vec2<f32>(k_element(pair.x, at, i, position), k_element(pair.y, at, i + 1u, position));
  //: else
  let t = table[position * half + i / 2u];
  return vec2<f32>(fma(pair.x, t.x, -(pair.y * t.y)), fma(pair.y, t.x, pair.x * t.y));
  //: end
}

//: if NEOX
fn k_element(value: f32, at: u32, i: u32, position: u32) -> f32 {
  let half = shape.z / 2u;
  let is_first = i < half;
  let t = table[position * half + select(i - half, i, is_first)];
  let turned = qkv[at + select(i - half, i + half, is_first)] * t.y;
  return fma(value, t.x, select(turned, -turned, is_first));
}
//: end

fn k_quad(at: u32, i: u32, position: u32) -> vec4<f32> {
  return vec4<f32>(k_pair(at, i, position), k_pair(at, i + 2u, position));
}

fn v_quad(at: u32, i: u32) -> vec4<f32> {
  let value = vec4<f32>(qkv[at + i], qkv[at + i + 1u], qkv[at + i + 2u], qkv[at + i + 3u]);
  return select(vec4<f32>(0.0), value, vec4<u32>(i) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(HEAD_DIM));
}

fn packed(low: vec4<f32>, high: vec4<f32>) -> vec4<u32> {
  let a = clamp(low, vec4<f32>(-MAX_F16), vec4<f32>(MAX_F16));
  let b = clamp(high, vec4<f32>(-MAX_F16), vec4<f32>(MAX_F16));
  return vec4<u32>(pack2x16float(a.xy), pack2x16float(a.zw), pack2x16float(b.xy), pack2x16float(b.zw));
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let row = row_at(group.x);
  let heads = shape.x;
  let kv_heads = shape.y;
  let half = shape.z / 2u;
  let start = group.x * shape.w;

  // A thread owns both halves of a pair, so that q can be rotated in place.
  for (var pair = local.x; pair < heads * half; pair += WORKGROUP) {
    let head = pair / half;
    let i = pair - head * half;
    let first = start + head * HEAD_DIM + select(2u * i, i, NEOX);
    let second = first + select(1u, half, NEOX);
    let t = table[row.position * half + i];
    let a = qkv[first];
    let b = qkv[second];
    qkv[first] = fma(a, t.x, -(b * t.y));
    qkv[second] = fma(b, t.x, a * t.y);
  }

  let plane_at = row.slot / BLOCK * 2u * kv_heads * PLANE;
  let place = row.slot % BLOCK;
  for (var c = local.x; c < kv_heads * CHUNKS; c += WORKGROUP) {
    let head = c / CHUNKS;
    let chunk = c % CHUNKS;
    let k_at = start + (heads + head) * HEAD_DIM;
    let v_at = k_at + kv_heads * HEAD_DIM;
    let k_to = plane_at + head * PLANE + chunk * BLOCK + place;
    let v_to = plane_at + (kv_heads + head) * PLANE + place * CHUNKS + chunk;
    //: if KV_F16
    let i = chunk * 8u;
    kv[k_to] = packed(k_quad(k_at, i, row.position), k_quad(k_at, i + 4u, row.position));
    kv[v_to] = packed(v_quad(v_at, i), v_quad(v_at, i + 4u));
    //: else
    let i = chunk * 4u;
    kv[k_to] = bitcast<vec4<u32>>(k_quad(k_at, i, row.position));
    kv[v_to] = bitcast<vec4<u32>>(v_quad(v_at, i));
    //: end
  }
}
