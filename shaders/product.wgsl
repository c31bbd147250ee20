// What matmul.wgsl and gemm.wgsl share: the product's data, its shape, and what becomes of a value.
@group(0) @binding(1) var<storage, read> quants: array<vec4<u32>>;    // [outputs / 16, chunks, 16]
@group(0) @binding(2) var<storage, read> scales: array<u32>;          // [outputs / 16, words, 16]: row-packing.ts
@group(0) @binding(3) var<storage, read> x: array<vec4<f32>>;         // [rows, K]
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
  epilogue: u32,       // what becomes of a value v: 0 y = v; 1 y += v, the residual connection; 2 y = activation(v) * y
  tile: u32,           // of the body, where this is the tail: its rows come after all whole tiles of that size; else 0
}

const LOGIT_CAP = 0;   // of soft_cap; 0: values are stored as they are

fn store(row: u32, output: u32, sum: f32) {
  //: if LOGIT_CAP
  let value = soft_cap(sum, LOGIT_CAP);
  //: else
  let value = sum;
  //: end
  let at = row * shape.stride + shape.column + output;
  if (shape.epilogue == 0u) { y[at] = value; }
  else if (shape.epilogue == 1u) { y[at] += value; }
  else { y[at] = activation(value) * y[at]; }
}
