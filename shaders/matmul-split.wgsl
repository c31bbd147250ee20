// The same product as matmul.wgsl for devices of many threads: a segment of K is a thread's, and the threads of an
// output stand in one workgroup. They walk their segments in rounds of AHEAD groups. What a round needs from memory, its
// chunks, the words of its scales and its columns of x, is asked for while the round before is multiplied; x goes by
// way of workgroup memory, where the LANES threads of a segment find all of it though each has loaded a part.
//
// The loads of the next round stand where NVIDIA's compiler leaves them early enough. It moves loads past arithmetic and
// branches down to where they are used, so nothing branches behind them, and up past stores to workgroup memory, which
// then wait for them, so those end a round.
//
// The order of additions is that of matmul.wgsl, so the bits are too: TILE, OUTPUTS, LANES and AHEAD only say which
// thread does what, and when.
const TILE = 1u;             // rows of x per thread
const OUTPUTS = 1u;          // outputs per thread and matrix, LANES apart
const LANES = 16u;           // threads side by side
const SLICES = 1u;           // segments of K, or more
const AHEAD = 1u;            // groups in a round: 1, 2 or 4, of which every segment has a whole number
const RAGGED = false;        // the last segment is shorter than the others
const MATRICES = 1u;
const PAIRED = false;        // MATRICES == 2

const ROUND = TILE * AHEAD * X_VECTORS;      // vectors of x that a segment has in a round
const LOADS = (ROUND + LANES - 1u) / LANES;  // of them by a thread
const SPARE = LOADS * LANES - ROUND;         // loads that bring nothing
const X_PITCH = ROUND + 1u;                  // one vector more spreads the segments over the banks
const PARTIALS = SLICES * MATRICES * OUTPUTS * TILE * LANES;

// A round of x, [segments, X_PITCH]; after the last the partial sums, [segments, matrices, outputs, rows, lanes].
var<workgroup> shared_vectors: array<XVector, max(SLICES * X_PITCH, (PARTIALS + 3u) / 4u)>;

fn partial_at(slice: u32, m: u32, r: u32, c: u32, lane: u32) -> u32 {
  return (((slice * MATRICES + m) * OUTPUTS + r) * TILE + c) * LANES + lane;
}

@compute @workgroup_size(LANES, SLICES)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let num_rows = step[shape.count];
  let first_output = id.x * OUTPUTS * LANES + local.x;
  let first_row = id.y * TILE;
  if (first_row >= num_rows) { return; }

  let groups = shape.groups;
  let slice = local.y;
  //: for m in MATRICES
  //: for r in OUTPUTS
  let row_$m_$r = select(shape.first, shape.second, $mu == 1u) + min(first_output + $ru * LANES, shape.outputs - 1u);
  let quants_$m_$r = first_chunk(row_$m_$r, groups);
  let scales_$m_$r = first_scale(row_$m_$r, groups);
  //: for c in TILE
  var partial_$m_$r_$c = 0.0;
  //: end
  //: end
  //: end
  //: for l in LOADS
  let place_$l = local.x + $lu * LANES;
  let row_of_place_$l = min(first_row + place_$l / (AHEAD * X_VECTORS), num_rows - 1u);
  let x_$l = row_of_place_$l * groups * X_VECTORS + place_$l % (AHEAD * X_VECTORS);
  //: end

  let start = slice * shape.segment;
  let last = min(start + shape.segment, groups) - AHEAD;
  let first = min(start, last);
  //: for l in LOADS
  var held_$l = x[x_$l + first * X_VECTORS];
  //: end
  //: for m in MATRICES
  //: for r in OUTPUTS
  //: if WORDS
  var next_word_$m_$r = scales[scales_$m_$r + scale_at(first)];
  //: end
  //: for a in AHEAD
  //: for j in GROUP_CHUNKS
  var next_$m_$r_$a_$j = quants[quants_$m_$r + chunk_at(first, $au, $ju)];
  //: end
  //: end
  //: end
  //: end
  //: for l in LOADS
  //: if SPARE
  if (place_$l < ROUND) { shared_vectors[slice * X_PITCH + place_$l] = held_$l; }
  //: else
  shared_vectors[slice * X_PITCH + place_$l] = held_$l;
  //: end
  //: end
  for (var done = 0u; done < shape.segment; done += AHEAD) {
    let group = start + done;
    let next = min(group + AHEAD, last);
    //: for l in LOADS
    held_$l = x[x_$l + next * X_VECTORS];
    //: end
    //: for m in MATRICES
    //: for r in OUTPUTS
    //: if WORDS
    let word_$m_$r = next_word_$m_$r;
    next_word_$m_$r = scales[scales_$m_$r + scale_at(next)];
    //: end
    //: for a in AHEAD
    //: for j in GROUP_CHUNKS
    let chunk_$m_$r_$a_$j = next_$m_$r_$a_$j;
    next_$m_$r_$a_$j = quants[quants_$m_$r + chunk_at(next, $au, $ju)];
    //: end
    //: end
    //: end
    //: end
    workgroupBarrier();
    //: for a in AHEAD
    {
      //: for m in MATRICES
      //: for r in OUTPUTS
      //: for c in TILE
      var sum_$m_$r_$c = Sum();
      //: end
      //: end
      //: end
      //: for c in TILE
      //: if INTEGER
      let quads_$c = shared_vectors[slice * X_PITCH + ($cu * AHEAD + $au) * X_VECTORS];
      let side_$c = bitcast<vec4<f32>>(shared_vectors[slice * X_PITCH + ($cu * AHEAD + $au) * X_VECTORS + 1u]).xy;
      //: else
      const side_$c = Side();
      //: end
      //: end
      let factors = factors_of(group, $au);
      //: if AFFINE
      //: for m in MATRICES
      //: for r in OUTPUTS
      let line_$m_$r = line_of(scales_$m_$r + scale_at(group), group + $au);
      //: end
      //: end
      //: end
      //: for j in GROUP_CHUNKS
      //: for q in QUADS
      {
        //: for c in TILE
        //: if INTEGER
        let v_$c = quads_$c[$qu];
        //: else
        let v_$c = shared_vectors[slice * X_PITCH + ($cu * AHEAD + $au) * X_VECTORS + $ju * QUADS + $qu];
        //: end
        //: end
        //: for m in MATRICES
        //: for r in OUTPUTS
        {
          //: if AFFINE
          let w = affine_quad(chunk_$m_$r_$a_$j, $qu, line_$m_$r);
          //: else
          let w = unpack_quad(chunk_$m_$r_$a_$j, $qu, factors);
          //: end
          //: for c in TILE
          sum_$m_$r_$c = add_quad(w, v_$c, sum_$m_$r_$c);
          //: end
        }
        //: end
        //: end
      }
      //: end
      //: end
      //: for m in MATRICES
      //: for r in OUTPUTS
      {
        //: if WORDS
        let scale = scale_of(scales_of(word_$m_$r), group + $au);
        //: else
        let scale = scale_from(scales_$m_$r + scale_at(group), group + $au);
        //: end
        //: for c in TILE
        //: if RAGGED
        partial_$m_$r_$c = select(partial_$m_$r_$c, add_group(partial_$m_$r_$c, sum_$m_$r_$c, scale, side_$c), group + $au < groups);
        //: else
        partial_$m_$r_$c = add_group(partial_$m_$r_$c, sum_$m_$r_$c, scale, side_$c);
        //: end
        //: end
      }
      //: end
      //: end
    }
    //: end
    workgroupBarrier(); // the round has been read
    //: for l in LOADS
    //: if SPARE
    if (place_$l < ROUND) { shared_vectors[slice * X_PITCH + place_$l] = held_$l; }
    //: else
    shared_vectors[slice * X_PITCH + place_$l] = held_$l;
    //: end
    //: end
  }

  workgroupBarrier();
  //: for m in MATRICES
  //: for r in OUTPUTS
  //: for c in TILE
  {
    let at = partial_at(slice, $mu, $ru, $cu, local.x);
    //: if INTEGER
    shared_vectors[at / 4u][at % 4u] = bitcast<u32>(partial_$m_$r_$c);
    //: else
    shared_vectors[at / 4u][at % 4u] = partial_$m_$r_$c;
    //: end
  }
  //: end
  //: end
  //: end
  workgroupBarrier();
  // Each thread adds up the segments of some of the outputs.
  for (var i = slice; i < OUTPUTS * TILE; i += SLICES) {
    let r = i / TILE;
    let c = i % TILE;
    //: for m in MATRICES
    var total_$m = 0.0;
    //: end
    for (var k = 0u; k * shape.segment < groups; k++) {
      //: for m in MATRICES
      let at_$m = partial_at(k, $mu, r, c, local.x);
      total_$m += bitcast<f32>(shared_vectors[at_$m / 4u][at_$m % 4u]);
      //: end
    }
    let output = first_output + r * LANES;
    if (first_row + c < num_rows && output < shape.outputs) {
      //: if PAIRED
      store(first_row + c, output, activation(total_0) * total_1);
      //: else
      store(first_row + c, output, total_0);
      //: end
    }
  }
}
