// gate[row, i] = silu(gate[row, i]) * up[row, i]      (SwiGLU: Shazeer, 2002.05202)
@group(0) @binding(1) var<storage, read_write> gate: array<f32>;   // [rows, stride]
@group(0) @binding(2) var<storage, read> up: array<f32>;           // [rows, stride]
@group(0) @binding(3) var<uniform> shape: vec4<u32>;               // columns, stride

const WORKGROUP = 64u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let at = group.x * shape.y;
  for (var i = local.x; i < shape.x; i += WORKGROUP) {
    let g = gate[at + i];
    gate[at + i] = g / (1.0 + exp(min(-g, 80.0))) * up[at + i]; // WGSL has no infinity to rely on
  }
}
