// y[row, output] (+)= sum over k of weight[output, k] * x[row, k]
//
// One order of additions for every number of rows (DESIGN.md section 2): K is cut into segments of 64;
// inside a segment each block of 32 is a chain of fma, scaled once; segments are added in ascending order.
// TILE and OUTPUTS say only how many independent sums a thread carries: they cannot change a bit.
// A weight is loaded and unpacked once for all rows of the tile.
@group(0) @binding(1) var<storage, read> quants: array<vec4<u32>>;    // [outputs, K]
@group(0) @binding(2) var<storage, read> scales: array<u32>;          // [outputs, blocks / 2] pairs of f16
@group(0) @binding(3) var<storage, read> x: array<vec4<f32>>;         // [rows, K]
@group(0) @binding(4) var<storage, read_write> y: array<f32>;         // [rows, stride]
@group(0) @binding(5) var<uniform> shape: vec4<u32>;                  // outputs, blocks per row, stride and first column of y

const TILE = 1u;             // rows of x per thread
const OUTPUTS = 1u;          // outputs per thread
const WORKGROUP = 64u;
const COUNT = 0u;            // where the number of rows stands in the step data
const ACCUMULATE = false;    // add to y: the residual connection
const SEGMENT_BLOCKS = 2u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let outputs = shape.x;
  let blocks = shape.y;
  let num_rows = step[COUNT];
  let first_output = id.x * OUTPUTS;
  let first_row = id.y * TILE;
  if (first_output >= outputs || first_row >= num_rows) { return; }

  //: for r in OUTPUTS
  let weight_$r = min(first_output + $ru, outputs - 1u) * blocks; // in blocks
  //: end
  //: for c in TILE
  let x_$c = (first_row + $cu) * blocks * BLOCK_QUADS;
  //: end
  //: for r in OUTPUTS
  //: for c in TILE
  var total_$r_$c = 0.0;
  //: end
  //: end

  for (var segment = 0u; segment < blocks; segment += SEGMENT_BLOCKS) {
    //: for r in OUTPUTS
    //: for c in TILE
    var partial_$r_$c = 0.0;
    //: end
    //: end
    for (var block = segment; block < segment + SEGMENT_BLOCKS; block++) {
      //: for r in OUTPUTS
      //: for c in TILE
      var sum_$r_$c = 0.0;
      //: end
      //: end
      //: loop chunk in CHUNKS
        let quad = block * BLOCK_QUADS + chunk * QUADS;
        //: for r in OUTPUTS
        let chunk_$r = quants[(weight_$r + block) * CHUNKS + chunk];
        //: end
        //: loop q in QUADS
          //: for c in TILE
          let v_$c = x[x_$c + quad + q];
          //: end
          //: for r in OUTPUTS
          let w_$r = unpack_quad(chunk_$r, q);
          //: for c in TILE
          sum_$r_$c = fma(w_$r.w, v_$c.w, fma(w_$r.z, v_$c.z, fma(w_$r.y, v_$c.y, fma(w_$r.x, v_$c.x, sum_$r_$c))));
          //: end
          //: end
        //: end
      //: end
      //: for r in OUTPUTS
      var scale_$r = 1.0;
      if (FORMAT >= 3u) { scale_$r = unpack2x16float(scales[(weight_$r + block) >> 1u])[block & 1u]; }
      //: for c in TILE
      partial_$r_$c = fma(scale_$r, sum_$r_$c, partial_$r_$c);
      //: end
      //: end
    }
    //: for r in OUTPUTS
    //: for c in TILE
    total_$r_$c += partial_$r_$c;
    //: end
    //: end
  }

  //: for c in TILE
  if (first_row + $cu < num_rows) {
    let at = (first_row + $cu) * shape.z + shape.w + first_output;
    //: for r in OUTPUTS
    if (first_output + $ru < outputs) {
      if (ACCUMULATE) { y[at + $ru] += total_$r_$c; } else { y[at + $ru] = total_$r_$c; }
    }
    //: end
  }
  //: end
}
