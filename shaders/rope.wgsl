// The rotation of q and k, and a key and a value on their way into the cache.   (Su et al., 2104.09864)
// cos and sin come from a table computed in double precision on the CPU: WGSL promises too little of sin and cos for
// large angles.
//
// The cache is made of 16-byte chunks, 8 f16 or 4 f32 dimensions each. K lies chunk by chunk, positions within, and V
// position by position, so that attend.wgsl's threads, over positions and then over dimensions, read neighbours.
const NEOX = false;     // pairs (i, i + HALF); otherwise adjacent pairs (2i, 2i + 1)
const ROPE_DIM = 64u;   // leading dimensions of a head that are rotated
const HALF = ROPE_DIM / 2u;
const ROTATES = true;   // false: a layer without positions (NoPE, Kazemnejad et al., 2305.19466)
const MAX_F16 = 65504.0; // infinity in the cache would reach rows that do not see it: 0 * infinity is no number

// cos and sin of pair i.
fn turn(position: u32, i: u32) -> vec2<f32> {
  //: if ROTATES
  return table[position * HALF + i];
  //: else
  return vec2<f32>(1.0, 0.0);
  //: end
}

// Rotates pair i of the head of q at `at`. One thread owns both halves of a pair, so that it can be done in place.
fn rotate(at: u32, i: u32, position: u32) {
  let first = at + select(2u * i, i, NEOX);
  let second = first + select(1u, HALF, NEOX);
  let t = turn(position, i);
  let a = qkv[first];
  let b = qkv[second];
  qkv[first] = fma(a, t.x, -(b * t.y));
  qkv[second] = fma(b, t.x, a * t.y);
}

// Elements i and i + 1 of a head of k after rotation, i even; 0 in the padding.
fn k_pair(at: u32, i: u32, position: u32) -> vec2<f32> {
  let pair = vec2<f32>(qkv[at + i], qkv[at + i + 1u]);
  if (i >= HEAD_DIM) { return vec2<f32>(0.0); }
  if (i >= ROPE_DIM) { return pair; }
  //: if NEOX
  return vec2<f32>(k_element(pair.x, at, i, position), k_element(pair.y, at, i + 1u, position));
  //: else
  let t = turn(position, i / 2u);
  return vec2<f32>(fma(pair.x, t.x, -(pair.y * t.y)), fma(pair.y, t.x, pair.x * t.y));
  //: end
}

//: if NEOX
fn k_element(value: f32, at: u32, i: u32, position: u32) -> f32 {
  let is_first = i < HALF;
  let t = turn(position, select(i - HALF, i, is_first));
  let turned = qkv[at + select(i - HALF, i + HALF, is_first)] * t.y;
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

// A chunk of a KV head's key and value, which stand at k_at and v_at, goes where the row has its slot.
fn append(k_at: u32, v_at: u32, kv_heads: u32, head: u32, chunk: u32, row: Row) {
  let k_plane = (row.slot / BLOCK * 2u * kv_heads + head) * PLANE;
  let place = row.slot % BLOCK;
  let k_to = k_plane + chunk * BLOCK + place;
  let v_to = k_plane + kv_heads * PLANE + place * CHUNKS + chunk;
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
