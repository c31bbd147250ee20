// out[row, head] = the row's splits as attend.wgsl left them, folded in ascending order
// One thread per quad of dimensions.
@group(0) @binding(1) var<storage, read> parts: array<vec4<f32>>;      // [split, row, head, part]
@group(0) @binding(2) var<storage, read_write> out: array<f32>;        // [rows, stride]
@group(0) @binding(3) var<uniform> shape: vec4<u32>;                   // heads, stride of out

const HEAD_DIM = 64u;
const QUADS = 16u;        // of dimensions in a part
const HEADS = 4u;         // per workgroup
const BLOCK = 64u;

@compute @workgroup_size(QUADS, HEADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let heads = shape.x;
  let head = group.x * HEADS + local.y;
  if (head >= heads) { return; }
  let splits = row_at(group.y).position / BLOCK + 1u;
  let part_quads = PART_HEAD / 4u + QUADS;
  let next = step[NUM_ROWS] * heads * part_quads;
  let first = first_split(row_at(group.y).position);
  var at = (group.y * heads + head) * part_quads + first * next;
  var top = LOWEST;
  var total = 0.0;
  var value = vec4<f32>(0.0);
  for (var split = first; split < splits; split++) {
    let sums = parts[at];
    let f = fold(top, sums.x);
    top = f.top;
    total = fma(sums.y, f.add, total * f.keep);
    value = fma(parts[at + PART_HEAD / 4u + local.x], vec4<f32>(f.add), value * f.keep);
    at += next;
  }
  let result = value / total;
  let dim = local.x * 4u;
  let to = group.y * shape.y + head * HEAD_DIM + dim;
  if (dim < HEAD_DIM) { out[to] = result.x; }
  if (dim + 1u < HEAD_DIM) { out[to + 1u] = result.y; }
  if (dim + 2u < HEAD_DIM) { out[to + 2u] = result.z; }
  if (dim + 3u < HEAD_DIM) { out[to + 3u] = result.w; }
}
