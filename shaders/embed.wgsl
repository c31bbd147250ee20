// hidden[row, column] = SCALE * embedding[the row's token, column]
// A table that no binding holds comes in parts: each has its dispatch, which leaves the other parts' rows alone.
// A draft model of another vocabulary reads the twins of the target's tokens.
// One thread per quad of four columns. Token ids live on the GPU: a draft pass reads what the last one sampled.
@group(0) @binding(1) var<storage, read> history: array<u32>;              // [sequences, CONTEXT]
@group(0) @binding(2) var<storage, read> quants: array<vec4<u32>>;         // [tokens / 16, chunks, 16]
@group(0) @binding(3) var<storage, read> scales: array<u32>;               // [tokens / 16, words, 16]
@group(0) @binding(4) var<storage, read_write> hidden: array<vec4<f32>>;   // [rows, columns]
@group(0) @binding(5) var<uniform> shape: Shape;
//: if TWINS
@group(0) @binding(6) var<storage, read> twins: array<u32>;                // [the target's tokens]
//: end

struct Shape {
  groups: u32,  // of 16 columns in a row
  vocab: u32,
  first: u32,   // token of this part, and how many
  tokens: u32,
}

const SCALE = 1.0;
const CONTEXT = 512u;
const TWINS = false;
const WORKGROUP = 64u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let row = row_at(id.x);
  let groups = shape.groups;
  var own = history[row.sequence * CONTEXT + row.token_at];
  //: if TWINS
  own = twins[min(own, arrayLength(&twins) - 1u)] & ~NO_TWIN;
  //: end
  let token = min(own, shape.vocab - 1u) - shape.first;
  if (token >= shape.tokens) { return; } // tokens before the first have wrapped around
  for (var quad = local.x; quad < groups * 4u; quad += WORKGROUP) {
    let group = quad / 4u;
    let chunk = quants[first_chunk(token, groups) + chunk_at(group, 0u, quad % 4u / QUADS)];
    //: if AFFINE
    let value = affine_quad(chunk, quad % QUADS, line_of(first_scale(token, groups) + scale_at(group), group));
    //: else
    var value = unpack_quad(chunk, quad % QUADS, factors_of(group, 0u));
    if (QUANTISED) { value *= scale_of(scales_of(scales[first_scale(token, groups) + scale_at(group)]), group); }
    //: end
    hidden[id.x * groups * 4u + quad] = value * SCALE;
  }
}
