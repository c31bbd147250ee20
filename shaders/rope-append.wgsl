// Rotates q in place and k on its way into the KV cache; v goes along unchanged.   (Su et al., 2104.09864)
// One workgroup per row. cos and sin come from a table computed in double precision on the CPU: WGSL promises
// too little of sin and cos for large angles.
@group(0) @binding(1) var<storage, read> table: array<vec2<f32>>;      // [context, rope_dim / 2] cos, sin
@group(0) @binding(2) var<storage, read_write> q: array<f32>;          // [rows, q_stride]
@group(0) @binding(3) var<storage, read> k: array<f32>;                // [rows, kv_stride]
@group(0) @binding(4) var<storage, read> v: array<f32>;                // [rows, kv_stride]
@group(0) @binding(5) var<storage, read_write> kv: array<KV_WORD>;     // [blocks, k|v, kv_heads, BLOCK, head_dim]
@group(0) @binding(6) var<uniform> shape: Shape;

struct Shape { heads: u32, kv_heads: u32, head_dim: u32, rope_dim: u32, q_stride: u32, kv_stride: u32 }

const KV_F16 = false;   // two f16 per word
alias KV_WORD = f32;    // u32 when KV_F16
const NEOX = false;     // pairs (i, i + rope_dim / 2); otherwise adjacent pairs (2i, 2i + 1)
const BLOCK = 64u;      // KV positions per block
const WORKGROUP = 64u;

// Element i of a head of k after rotation.
fn k_element(at: u32, i: u32, position: u32) -> f32 {
  if (i >= shape.rope_dim) { return k[at + i]; }
  let half = shape.rope_dim / 2u;
  let is_first = select(i % 2u == 0u, i < half, NEOX);
  let t = table[position * half + select(i / 2u, i % half, NEOX)];
  let turned = k[at + select(i ^ 1u, (i + half) % shape.rope_dim, NEOX)] * t.y;
  return fma(k[at + i], t.x, select(turned, -turned, is_first));
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let row = row_at(group.x);
  let half = shape.rope_dim / 2u;

  // A thread owns both halves of a pair, so that q can be rotated in place.
  for (var pair = local.x; pair < shape.heads * half; pair += WORKGROUP) {
    let i = pair % half;
    let first = group.x * shape.q_stride + (pair / half) * shape.head_dim + select(2u * i, i, NEOX);
    let second = first + select(1u, half, NEOX);
    let t = table[row.position * half + i];
    let a = q[first];
    let b = q[second];
    q[first] = fma(a, t.x, -(b * t.y));
    q[second] = fma(b, t.x, a * t.y);
  }

  // Two neighbouring elements per thread: one f16 word.
  let block = row.slot / BLOCK;
  for (var pair = local.x; pair < shape.kv_heads * shape.head_dim / 2u; pair += WORKGROUP) {
    let head = 2u * pair / shape.head_dim;
    let i = 2u * pair % shape.head_dim;
    let from_at = group.x * shape.kv_stride + head * shape.head_dim;
    let k_at = ((block * 2u * shape.kv_heads + head) * BLOCK + row.slot % BLOCK) * shape.head_dim + i;
    let v_at = k_at + shape.kv_heads * BLOCK * shape.head_dim;
    let k_pair = vec2<f32>(k_element(from_at, i, row.position), k_element(from_at, i + 1u, row.position));
    let v_pair = vec2<f32>(v[from_at + i], v[from_at + i + 1u]);
    //: if KV_F16
    kv[k_at / 2u] = pack2x16float(k_pair);
    kv[v_at / 2u] = pack2x16float(v_pair);
    //: else
    kv[k_at] = k_pair.x;
    kv[k_at + 1u] = k_pair.y;
    kv[v_at] = v_pair.x;
    kv[v_at + 1u] = v_pair.y;
    //: end
  }
}
