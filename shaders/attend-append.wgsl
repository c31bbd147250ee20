// For attend.wgsl: rows that are not in the cache yet, where each is its tile and the only row of its sequence. The
// workgroup of a KV head does for it what rope-append.wgsl would have done. WALK and one slice: nobody else looks.
@group(0) @binding(1) var<storage, read_write> qkv: array<f32>;          // [rows, q heads | k heads | v heads]
@group(0) @binding(2) var<storage, read_write> kv: array<vec4<u32>>;     // rope.wgsl
@group(0) @binding(7) var<storage, read> table: array<vec2<f32>>;        // [context, HALF] cos, sin

// Rotates the row's q heads, and puts its key and value where they are attended to.
fn append_row(at: u32, kv_head: u32, t: u32) {
  let row = row_at(at);
  let kv_heads = shape.x;
  let start = at * shape.y;
  for (var head = kv_head * GROUP; head < (kv_head + 1u) * GROUP; head++) {
    for (var i = t; i < HALF; i += WORKGROUP) { rotate(start + head * HEAD_DIM, i, row.position); }
  }
  let k_at = start + (kv_heads * GROUP + kv_head) * HEAD_DIM;
  for (var chunk = t; chunk < CHUNKS; chunk += WORKGROUP) {
    append(k_at, k_at + kv_heads * HEAD_DIM, kv_heads, kv_head, chunk, row);
  }
  storageBarrier();
}
