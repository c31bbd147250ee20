// The same product as matmul.wgsl for passes of many rows: a workgroup makes a tile of BM rows by BN outputs. All its
// threads stage a slice of x and of the unpacked weights in workgroup memory, then each walks it for TM rows by TN
// outputs: a number that was read from memory once is used BM or BN times. The next slice is asked for meanwhile; why
// nothing branches behind its loads matmul-split.wgsl says.
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
const X_PLACES = SLICE * X_NUMBERS * BM;       // vectors of x in a slice
const W_PLACES = SLICE * GROUP_CHUNKS * WIDTH; // chunks of weights in a slice
const X_LOADS = (X_PLACES + THREADS - 1u) / THREADS;
const W_LOADS = (W_PLACES + THREADS - 1u) / THREADS;
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

  // What this thread brings to workgroup memory: its places there, and where they are filled from in the first slice.
  //: for l in X_LOADS
  let x_place_$l = thread + $lu * THREADS;
  let x_vector_$l = x_place_$l % (SLICE * X_NUMBERS);
  let x_row_$l = x_place_$l / (SLICE * X_NUMBERS);
  let x_$l = min(first_row + x_row_$l, num_rows - 1u) * groups * X_VECTORS + x_vector_$l * (X_VECTORS / X_NUMBERS);
  var held_x_$l = x[x_$l];
  //: if INTEGER
  var held_side_$l = bitcast<vec4<f32>>(x[x_$l + 1u]).xy;
  //: end
  //: end
  //: for l in W_LOADS
  let w_place_$l = thread + $lu * THREADS;
  let w_output_$l = w_place_$l % WIDTH;
  let w_chunk_$l = w_place_$l / WIDTH % GROUP_CHUNKS;
  let w_group_$l = min(w_place_$l / (WIDTH * GROUP_CHUNKS), SLICE - 1u);
  let row_$l = weight_row(w_output_$l, first_output);
  let quants_$l = first_chunk(row_$l, groups);
  let scales_$l = first_scale(row_$l, groups);
  var held_w_$l = quants[quants_$l + chunk_at(0u, w_group_$l, w_chunk_$l)];
  //: if WORDS
  var held_word_$l = scales[scales_$l];
  //: end
  //: end

  //: for m in MATRICES
  //: for r in TN
  //: for c in TM
  var total_$m_$r_$c = 0.0;
  var partial_$m_$r_$c = 0.0;
  //: end
  //: end
  //: end
  for (var start = 0u; start < groups; start += shape.segment) {
    for (var group = start; group < min(start + shape.segment, groups); group += SLICE) {
      workgroupBarrier(); // the last slice has been read
      //: for l in X_LOADS
      if (x_place_$l < X_PLACES) {
        //: if INTEGER
        //: for q in GROUP_QUADS
        x_slice[(x_vector_$l * GROUP_QUADS + $qu) * HEIGHT + x_row_$l] = held_x_$l[$qu];
        //: end
        side_slice[x_vector_$l * HEIGHT + x_row_$l] = held_side_$l;
        //: else
        x_slice[x_vector_$l * HEIGHT + x_row_$l] = held_x_$l;
        //: end
      }
      //: end
      //: for l in W_LOADS
      if (w_place_$l < W_PLACES) {
        let in_group = group + w_group_$l;
        let at = (w_group_$l * GROUP_QUADS + w_chunk_$l * QUADS) * WIDTH + w_output_$l;
        let words = scales_$l + scale_at(in_group);
        //: if AFFINE
        let line = line_of(words, in_group);
        //: for q in QUADS
        w_slice[at + $qu * WIDTH] = affine_quad(held_w_$l, $qu, line);
        //: end
        //: if QUANTISED
        scale_slice[w_group_$l * WIDTH + w_output_$l] = scale_of_line(line);
        //: end
        //: else
        let factors = factors_of(group, w_group_$l);
        //: for q in QUADS
        w_slice[at + $qu * WIDTH] = unpack_quad(held_w_$l, $qu, factors);
        //: end
        //: if WORDS
        scale_slice[w_group_$l * WIDTH + w_output_$l] = scale_of(scales_of(held_word_$l), in_group);
        //: end
        //: end
      }
      //: end
      workgroupBarrier();
      let next = min(group + SLICE, groups - SLICE);
      //: for l in X_LOADS
      held_x_$l = x[x_$l + next * X_VECTORS];
      //: if INTEGER
      held_side_$l = bitcast<vec4<f32>>(x[x_$l + next * X_VECTORS + 1u]).xy;
      //: end
      //: end
      //: for l in W_LOADS
      held_w_$l = quants[quants_$l + chunk_at(next, w_group_$l, w_chunk_$l)];
      //: if WORDS
      held_word_$l = scales[scales_$l + scale_at(next)];
      //: end
      //: end
      //: for g in SLICE
      {
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
          let v_$c = x_slice[($gu * GROUP_QUADS + $qu) * HEIGHT + $cu * (BM / TM) + local.y];
          //: end
          //: for m in MATRICES
          //: for r in TN
          {
            let w = w_slice[($gu * GROUP_QUADS + $qu) * WIDTH + $mu * BN + $ru * (BN / TN) + local.x];
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
        let side_$c = side_slice[$gu * HEIGHT + $cu * (BM / TM) + local.y];
        //: else
        const side_$c = Side();
        //: end
        //: end
        //: for m in MATRICES
        //: for r in TN
        {
          //: if QUANTISED
          let scale = scale_slice[$gu * WIDTH + $mu * BN + $ru * (BN / TN) + local.x];
          //: else
          const scale = Scale();
          //: end
          //: for c in TM
          partial_$m_$r_$c = add_group(partial_$m_$r_$c, sum_$m_$r_$c, scale, side_$c);
          //: end
        }
        //: end
        //: end
      }
      //: end
    }
    //: for m in MATRICES
    //: for r in TN
    //: for c in TM
    total_$m_$r_$c += partial_$m_$r_$c;
    partial_$m_$r_$c = 0.0;
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
