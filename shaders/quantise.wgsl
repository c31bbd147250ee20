// x as products of integers read it (numerics: 'fast'): each group of 16 columns becomes 16 int8 and a scale, with the
// largest of them at 127 or -127. Ties round to even. One thread per group; a row's result depends on that row alone.
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;              // [rows, K]
@group(0) @binding(2) var<storage, read_write> quantised: array<vec4<u32>>;  // [rows, K / 16, 2]: numbers; Side
@group(0) @binding(3) var<uniform> shape: vec4<u32>;                       // groups of a row

const WORKGROUP = 64u;
const TINIEST = 1e-30;   // its inverse is no infinity

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let group = id.x * WORKGROUP + local.x;
  if (group >= shape.x) { return; }
  let at = id.y * shape.x + group;
  let tops = max(max(abs(x[at * 4u]), abs(x[at * 4u + 1u])), max(abs(x[at * 4u + 2u]), abs(x[at * 4u + 3u])));
  let top = max(max(tops.x, tops.y), max(tops.z, tops.w));
  let scale = top * (1.0 / 127.0);
  let inverse = select(0.0, 127.0 / top, top > TINIEST);
  var numbers: vec4<u32>;
  var sum = 0;
  for (var i = 0u; i < 4u; i++) {
    numbers[i] = pack4xI8(vec4<i32>(round(x[at * 4u + i] * inverse)));
    sum += dot4I8Packed(numbers[i], 0x01010101u);
  }
  quantised[at * 2u] = numbers;
  quantised[at * 2u + 1u] = bitcast<vec4<u32>>(vec4<f32>(scale, scale * f32(sum), 0.0, 0.0));
}
