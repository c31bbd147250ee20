// For attend.wgsl: rows that are not in the cache yet, where each is its tile and the only row of its sequence. The
// workgroup of a KV head does for it what rope-append.wgsl would have done. WALK and one slice: nobody else looks.
@group(0) @binding(1) var<storage, read_write> qkv: array<f32>;          // [rows, q heads | k heads | v heads]
@group(0) @binding(2) var<storage, read_write> kv: array<vec4<u32>>;     // rope.wgsl
@group(0) @binding(7) var<storage, read> table: array<vec2<f32>>;        // [context, HALF] cos, sin
@group(0) @binding(8) var<storage, read> head_weights: array<f32>;       // head-weights.wgsl

// Rotates the row's q heads, and puts its key and value where they are attended to.
fn append_row(at: u32, kv_head: u32, t: u32) {
  let row = row_at(at);
  let kv_heads = shape.x;
  let start = at * shape.y;
  let q_first = kv_head * GROUP * HEAD_DIM;
  let k_first = (kv_heads * GROUP + kv_head) * HEAD_DIM;
  let k_at = start + k_first;
  //: if QKV_BIAS
  add_bias(start, q_first, GROUP * HEAD_DIM, t);
  add_bias(start, k_first, HEAD_DIM, t);
  add_bias(start, k_first + kv_heads * HEAD_DIM, HEAD_DIM, t);
  storageBarrier();
  //: end
  //: if QK_NORM
  for (var head = t; head <= GROUP; head += WORKGROUP) {
    normalise(select(start + q_first + head * HEAD_DIM, k_at, head == GROUP), head == GROUP);
  }
  storageBarrier();
  //: end
  for (var head = 0u; head < GROUP; head++) {
    for (var i = t; i < HALF; i += WORKGROUP) { rotate(start + q_first + head * HEAD_DIM, i, row.position); }
  }
  for (var chunk = t; chunk < CHUNKS; chunk += WORKGROUP) {
    append(k_at, k_at + kv_heads * HEAD_DIM, kv_heads, kv_head, chunk, row);
  }
  storageBarrier();
}
