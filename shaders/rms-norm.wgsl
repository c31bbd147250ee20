// y[row] (+)= x[row] / sqrt(mean(x[row]²) + epsilon) * weight      (Zhang and Sennrich, 1910.07467)
// One workgroup per row, in quads of columns. The order of the sum depends on the number of columns alone.
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;            // [rows, stride]
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;       // [columns], what pads the last quad is 0
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;      // [rows, stride]
@group(0) @binding(4) var<uniform> shape: vec4<u32>;                     // columns, stride, epsilon (f32 bits)

const GATHER = false; // true: one output row per sample, read from the sample's row
const ADD = false;    // true: y += ..., a residual connection behind a norm
const WORKGROUP = 64u;
const SAMPLE_WORDS = 12u;

var<workgroup> partial: array<f32, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let quads = (shape.x + 3u) / 4u;
  var source = group.x;
  if (GATHER) { source = step[step[SAMPLES_AT] + group.x * SAMPLE_WORDS]; }
  let from_at = source * shape.y / 4u;
  let to_at = group.x * shape.y / 4u;

  var sums = vec4<f32>(0.0);
  for (var i = local.x; i < quads; i += WORKGROUP) { sums = fma(x[from_at + i], x[from_at + i], sums); }
  partial[local.x] = (sums.x + sums.y) + (sums.z + sums.w);
  workgroupBarrier();
  // Every thread adds the partial sums in ascending order: one barrier instead of six.
  var total = 0.0;
  for (var i = 0u; i < WORKGROUP; i++) { total += partial[i]; }

  let scale = 1.0 / sqrt(total / f32(shape.x) + bitcast<f32>(shape.z));
  for (var i = local.x; i < quads; i += WORKGROUP) {
    let value = x[from_at + i] * scale * weight[i];
    //: if ADD
    y[to_at + i] += value;
    //: else
    y[to_at + i] = value;
    //: end
  }
}
