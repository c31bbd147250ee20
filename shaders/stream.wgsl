// Reads a buffer once, as fast as the device can, and does nothing with it: the yardstick for the kernels that read
// weights. The sum is written only where it has one value of 2^32, which no compiler can rule out.
@group(0) @binding(0) var<storage, read> words: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> result: array<u32>;

const WORKGROUP = 256u;
const LOADS = 8u;            // per thread, WORKGROUP apart

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let first = id.x * WORKGROUP * LOADS + lane;
  var sum = vec4<u32>(0u);
  //: for i in LOADS
  sum += words[first + $iu * WORKGROUP];
  //: end
  let total = sum.x + sum.y + sum.z + sum.w;
  if (total == 0x9e3779b9u) { result[0] = total; }
}
