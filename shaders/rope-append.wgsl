// Rotates q in place and k on its way into the KV cache; v goes along unchanged: rope.wgsl.
// One workgroup per row.
@group(0) @binding(1) var<storage, read> table: array<vec2<f32>>;        // [context, HALF] cos, sin
@group(0) @binding(2) var<storage, read_write> qkv: array<f32>;          // [rows, q heads | k heads | v heads]
@group(0) @binding(3) var<storage, read_write> kv: array<vec4<u32>>;     // [blocks, k|v, kv_heads, BLOCK * CHUNKS]
@group(0) @binding(4) var<uniform> shape: vec4<u32>;                     // heads, kv_heads, stride of qkv
@group(0) @binding(5) var<storage, read> head_weights: array<f32>;       // head-weights.wgsl

const KV_F16 = false;
const HEAD_DIM = 64u;
const CHUNKS = 16u;     // per head: HEAD_DIM rounded up to 8, over 8 f16 or 4 f32
const BLOCK = 64u;      // KV positions per block
const WORKGROUP = 64u;

const PLANE = BLOCK * CHUNKS;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let row = row_at(group.x);
  let heads = shape.x;
  let kv_heads = shape.y;
  let start = group.x * shape.z;
  //: if QKV_BIAS
  add_bias(start, 0u, (heads + 2u * kv_heads) * HEAD_DIM, local.x);
  storageBarrier();
  //: end
  //: if QK_NORM
  for (var head = local.x; head < heads + kv_heads; head += WORKGROUP) {
    normalise(start + head * HEAD_DIM, head >= heads);
  }
  storageBarrier();
  //: end
  for (var pair = local.x; pair < heads * HALF; pair += WORKGROUP) {
    let head = pair / HALF;
    rotate(start + head * HEAD_DIM, pair - head * HALF, row.position);
  }
  for (var c = local.x; c < kv_heads * CHUNKS; c += WORKGROUP) {
    let head = c / CHUNKS;
    let k_at = start + (heads + head) * HEAD_DIM;
    append(k_at, k_at + kv_heads * HEAD_DIM, kv_heads, head, c % CHUNKS, row);
  }
}
