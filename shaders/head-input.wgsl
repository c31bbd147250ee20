// x[row] = the state that was kept for the row's sequence: keep-state.wgsl
// One workgroup per row.
@group(0) @binding(1) var<storage, read> states: array<f32>;             // [sequences, stride]
@group(0) @binding(2) var<storage, read_write> x: array<f32>;            // [rows, stride]
@group(0) @binding(3) var<uniform> shape: vec4<u32>;                     // stride

const WORKGROUP = 64u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let source = row_at(id.x).sequence * shape.x;
  for (var i = local.x; i < shape.x; i += WORKGROUP) { x[id.x * shape.x + i] = states[source + i]; }
}
