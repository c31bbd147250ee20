// y[sample] = h + silu(W_i h), h the state of the sample's row and i its head: Medusa's residual block, whose product
// with the matrices of all heads is there already. The target's own output matrix makes logits of it.
// One workgroup per sample.
@group(0) @binding(1) var<storage, read> x: array<f32>;                  // [rows, stride] states
@group(0) @binding(2) var<storage, read> products: array<f32>;           // [rows, heads, stride] W_i h
@group(0) @binding(3) var<storage, read_write> y: array<f32>;            // [samples, stride]
@group(0) @binding(4) var<uniform> shape: vec4<u32>;                     // stride, heads

const WORKGROUP = 64u;
const SAMPLE_WORDS = 12u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let record = step[SAMPLES_AT] + id.x * SAMPLE_WORDS;
  let row = step[record];
  let head = extractBits(step[record + 8u], 16u, 8u);
  let product = (row * shape.y + head) * shape.x;
  for (var i = local.x; i < shape.x; i += WORKGROUP) {
    y[id.x * shape.x + i] = x[row * shape.x + i] + silu(products[product + i]);
  }
}
