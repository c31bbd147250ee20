// What matmul.wgsl, matmul-rows.wgsl and gemm.wgsl share: the product's data, its shape, how a sum grows, and what
// becomes of it.
@group(0) @binding(1) var<storage, read> quants: array<vec4<u32>>;    // [outputs / 16, chunks, 16]
@group(0) @binding(2) var<storage, read> scales: array<u32>;          // [outputs / 16, words, 16]: row-packing.ts
@group(0) @binding(3) var<storage, read> x: array<XVector>;           // [rows, K]; INTEGER: of quantise.wgsl
@group(0) @binding(4) var<storage, read_write> y: array<f32>;         // [rows, stride]
@group(0) @binding(5) var<uniform> shape: Shape;

struct Shape {
  outputs: u32,
  groups: u32,         // of 16 columns in a row
  segment: u32,        // groups in a segment
  stride: u32,         // of y
  column: u32,         // of y, for output 0
  first: u32,          // row of output 0
  second: u32,         // row of the second matrix's output 0
  count: u32,          // where the number of rows stands in the step data
  tile: u32,           // of the body, where this is the tail: its rows come after all whole tiles of that size; else 0
  columns: u32,        // NORM: of x, without what pads them
  epsilon: f32,        // NORM
}

// An RMS norm in front of the product (rms-norm.wgsl) costs no pass of its own: its gain is applied to x as it is loaded,
// and its scale, one number per row, to what comes out. Each of four lanes loads, and squares, a quarter of every group,
// so the order of the sum depends on the number of columns alone. With SUBGROUPS.
const NORM = false;
//: if NORM
@group(0) @binding(6) var<storage, read> gain: array<vec4<f32>>;      // [columns]; x is 0 beyond

fn norm_scale(squares: vec4<f32>) -> f32 {
  let own = (squares.x + squares.y) + (squares.z + squares.w);
  let total = (subgroupBroadcast(own, 0u) + subgroupBroadcast(own, 1u)) + (subgroupBroadcast(own, 2u) + subgroupBroadcast(own, 3u));
  return 1.0 / sqrt(total / f32(shape.columns) + shape.epsilon);
}
//: end

alias XVector = vec4<f32>;  // INTEGER: vec4<u32>
alias Sum = f32;            // of a group; INTEGER: i32
const X_VECTORS = 4u;       // of x in a group of 16 columns; INTEGER: 2, its numbers and its Side
const X_NUMBERS = 4u;       // those of them that hold numbers; INTEGER: 1

// What a group of x is scaled by, and the sum of its numbers so scaled. INTEGER.
alias Side = vec2<f32>;

fn add_quad(w: Quad, v: Quad, sum: Sum) -> Sum {
  //: if INTEGER
  return sum + dot4I8Packed(w, v);
  //: else
  return fma(w.w, v.w, fma(w.z, v.z, fma(w.y, v.y, fma(w.x, v.x, sum))));
  //: end
}

// What the sum of a group is scaled by, on the side of the weights, whose words begin at `at`.
//: if AFFINE
alias Scale = vec2<f32>;  // and their minimum
fn scale_of_line(line: Line) -> Scale { return Scale(line.scale.x, line.minimum); }
fn scale_from(at: u32, group: u32) -> Scale { return scale_of_line(line_of(at, group)); }
//: else
alias Scale = f32;
fn scale_from(at: u32, group: u32) -> Scale {
  //: if QUANTISED
  return scale_of(scales_of(scales[at]), group);
  //: else
  return 1.0;
  //: end
}
//: end

// The sum of a segment with that of one more group.
fn add_group(partial: f32, sum: Sum, scale: Scale, side: Side) -> f32 {
  //: if INTEGER
  //: if AFFINE
  return fma(scale.y, side.y, fma(scale.x * side.x, f32(sum), partial));
  //: else
  return fma(scale * side.x, f32(sum), partial);
  //: end
  //: else
  //: if QUANTISED
  return fma(scale, sum, partial);
  //: else
  return partial + sum;
  //: end
  //: end
}

const LOGIT_CAP = 0;   // of soft_cap; 0: values are stored as they are
const ADDS = false;    // y += value, the residual connection
const GATES = false;   // y = activation(value) * y

fn store(row: u32, output: u32, sum: f32) {
  //: if LOGIT_CAP
  let value = soft_cap(sum, LOGIT_CAP);
  //: else
  let value = sum;
  //: end
  let at = row * shape.stride + shape.column + output;
  //: if ADDS
  y[at] += value;
  //: else
  //: if GATES
  y[at] = activation(value) * y[at];
  //: else
  y[at] = value;
  //: end
  //: end
}
