// hidden[row, column] = embedding[the row's token, column]
// One thread per quad of four columns. Token ids live on the GPU: a draft pass reads what the last one sampled.
@group(0) @binding(1) var<storage, read> history: array<u32>;              // [sequences, CONTEXT]
@group(0) @binding(2) var<storage, read> quants: array<vec4<u32>>;         // [vocab, columns]
@group(0) @binding(3) var<storage, read> scales: array<u32>;               // [vocab, blocks / 2] pairs of f16
@group(0) @binding(4) var<storage, read_write> hidden: array<vec4<f32>>;   // [rows, columns]
@group(0) @binding(5) var<uniform> shape: vec4<u32>;                       // blocks per row, vocab

const CONTEXT = 512u;
const WORKGROUP = 64u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let row = row_at(group.x);
  let token = min(history[row.sequence * CONTEXT + row.token_at], shape.y - 1u);
  let quads = shape.x * BLOCK_QUADS;
  for (var quad = local.x; quad < quads; quad += WORKGROUP) {
    let block = token * shape.x + quad / BLOCK_QUADS;
    let chunk = quants[block * CHUNKS + (quad % BLOCK_QUADS) / QUADS];
    var scale = 1.0;
    if (FORMAT >= 3u) { scale = unpack2x16float(scales[block >> 1u])[block & 1u]; }
    hidden[group.x * quads + quad] = unpack_quad(chunk, quad % QUADS) * scale;
  }
}
