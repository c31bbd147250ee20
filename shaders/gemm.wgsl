// The same product as matmul.wgsl for passes of many rows: a workgroup makes a tile of BM rows by BN outputs. All its
// threads stage a slice of x and of the unpacked weights in workgroup memory, then each walks it for TM rows by TN
// outputs: a number that was read from memory once is used BM or BN times.
//
// The order of additions is that of matmul.wgsl, so the bits are too: a group of 16 columns is a chain of fma, or a sum of
// integers, scaled once into the partial sum of its segment; the partial sums are added in ascending order. BM, BN, TM,
// TN and SLICE only say which thread does what, and when.
const BM = 64u;              // rows of x per workgroup
const BN = 64u;              // outputs per workgroup and matrix
const TM = 4u;               // rows per thread, BM / TM apart
const TN = 4u;               // outputs per thread and matrix, BN / TN apart
const SLICE = 1u;            // groups of 16 columns in a slice: 1 or 2, of which every segment has a whole number
const MATRICES = 1u;
const PAIRED = false;        // MATRICES == 2

const GROUP_QUADS = 4u;      // quads of four columns in a group
const THREADS = BM / TM * (BN / TN);
const WIDTH = MATRICES * BN; // outputs of the tile, those of the second matrix after those of the first
// Threads that are neighbours while staging hold the quads of one row: the extra rows spread them over the banks.
const HEIGHT = BM + 2u / SLICE;

// Quads of four columns. Threads that are neighbours while multiplying own neighbouring outputs and share their rows.
var<workgroup> x_slice: array<Quad, SLICE * GROUP_QUADS * HEIGHT>;  // [quads, rows]
var<workgroup> w_slice: array<Quad, SLICE * GROUP_QUADS * WIDTH>;   // [quads, outputs]
//: if QUANTISED
var<workgroup> scale_slice: array<Scale, SLICE * WIDTH>;            // [groups, outputs]
//: end
//: if INTEGER
var<workgroup> side_slice: array<Side, SLICE * HEIGHT>;             // [groups, rows]
//: end

// The row of the weights for output i of the tile; past the last output that one's, whose results nobody stores.
fn weight_row(i: u32, first_output: u32) -> u32 {
  return select(shape.first, shape.second, i >= BN) + min(first_output + i % BN, shape.outputs - 1u);
}

// Brings the slice that begins at `group` to workgroup memory.
fn stage(thread: u32, group: u32, first_row: u32, num_rows: u32, first_output: u32) {
  let groups = shape.groups;
  for (var i = thread; i < SLICE * GROUP_QUADS * BM; i += THREADS) {
    let quad = i % (SLICE * GROUP_QUADS);
    let row = i / (SLICE * GROUP_QUADS);
    let from_group = min(first_row + row, num_rows - 1u) * groups + group;
    //: if INTEGER
    x_slice[quad * HEIGHT + row] = x[(from_group + quad / GROUP_QUADS) * X_VECTORS][quad % GROUP_QUADS];
    //: else
    x_slice[quad * HEIGHT + row] = x[from_group * GROUP_QUADS + quad];
    //: end
  }
  //: if INTEGER
  for (var i = thread; i < SLICE * BM; i += THREADS) {
    let at = min(first_row + i / SLICE, num_rows - 1u) * groups + group + i % SLICE;
    side_slice[i % SLICE * HEIGHT + i / SLICE] = bitcast<vec4<f32>>(x[at * X_VECTORS + 1u]).xy;
  }
  //: end
  for (var i = thread; i < SLICE * GROUP_QUADS * WIDTH; i += THREADS) {
    let quad = i / WIDTH % GROUP_QUADS;
    let in_group = group + i / WIDTH / GROUP_QUADS;
    let row = weight_row(i % WIDTH, first_output);
    let chunk = quants[first_chunk(row, groups) + chunk_at(in_group, 0u, quad / QUADS)];
    //: if AFFINE
    w_slice[i] = affine_quad(chunk, quad, line_of(first_scale(row, groups) + scale_at(in_group), in_group));
    //: else
    w_slice[i] = unpack_quad(chunk, quad % QUADS, factors_of(in_group, 0u));
    //: end
  }
  //: if QUANTISED
  for (var i = thread; i < SLICE * WIDTH; i += THREADS) {
    let in_group = group + i / WIDTH;
    let words = first_scale(weight_row(i % WIDTH, first_output), groups) + scale_at(in_group);
    scale_slice[i] = scale_from(words, in_group);
  }
  //: end
}

@compute @workgroup_size(BN / TN, BM / TM)
fn main(
  @builtin(workgroup_id) id: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let num_rows = step[shape.count];
  let groups = shape.groups;
  let first_row = id.y * BM;
  let first_output = id.x * BN;
  if (first_row >= num_rows) { return; }
  //: for m in MATRICES
  //: for r in TN
  //: for c in TM
  var total_$m_$r_$c = 0.0;
  //: end
  //: end
  //: end

  for (var start = 0u; start < groups; start += shape.segment) {
    //: for m in MATRICES
    //: for r in TN
    //: for c in TM
    var partial_$m_$r_$c = 0.0;
    //: end
    //: end
    //: end
    for (var group = start; group < min(start + shape.segment, groups); group += SLICE) {
      workgroupBarrier(); // the last slice has been read
      stage(thread, group, first_row, num_rows, first_output);
      workgroupBarrier();
      //: loop g in SLICE
        //: for m in MATRICES
        //: for r in TN
        //: for c in TM
        var sum_$m_$r_$c = Sum();
        //: end
        //: end
        //: end
        //: for q in GROUP_QUADS
        {
          //: for c in TM
          let v_$c = x_slice[(g * GROUP_QUADS + $qu) * HEIGHT + $cu * (BM / TM) + local.y];
          //: end
          //: for m in MATRICES
          //: for r in TN
          {
            let w = w_slice[(g * GROUP_QUADS + $qu) * WIDTH + $mu * BN + $ru * (BN / TN) + local.x];
            //: for c in TM
            sum_$m_$r_$c = add_quad(w, v_$c, sum_$m_$r_$c);
            //: end
          }
          //: end
          //: end
        }
        //: end
        //: for c in TM
        //: if INTEGER
        let side_$c = side_slice[g * HEIGHT + $cu * (BM / TM) + local.y];
        //: else
        const side_$c = Side();
        //: end
        //: end
        //: for m in MATRICES
        //: for r in TN
        {
          //: if QUANTISED
          let scale = scale_slice[g * WIDTH + $mu * BN + $ru * (BN / TN) + local.x];
          //: else
          const scale = Scale();
          //: end
          //: for c in TM
          partial_$m_$r_$c = add_group(partial_$m_$r_$c, sum_$m_$r_$c, scale, side_$c);
          //: end
        }
        //: end
        //: end
      //: end
    }
    //: for m in MATRICES
    //: for r in TN
    //: for c in TM
    total_$m_$r_$c += partial_$m_$r_$c;
    //: end
    //: end
    //: end
  }

  //: for c in TM
  {
    let row = first_row + $cu * (BM / TM) + local.y;
    //: for r in TN
    {
      let output = first_output + $ru * (BN / TN) + local.x;
      if (row < num_rows && output < shape.outputs) {
        //: if PAIRED
        store(row, output, activation(total_0_$r_$c) * total_1_$r_$c);
        //: else
        store(row, output, total_0_$r_$c);
        //: end
      }
    }
    //: end
  }
  //: end
}
