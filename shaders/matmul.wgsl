// y[row, output] (+)= sum over k of weight[output, k] * x[row, k]; with two matrices y = activation(first) * second
// (SwiGLU, GeGLU: Shazeer, 2002.05202)
//
// One order of additions for every number of rows (DESIGN.md section 2): K is cut into segments whose length depends on
// K alone; inside a segment each group of 16 columns is a chain of fma, or a sum of integers, scaled once; groups, then
// segments are added in ascending order. TILE, OUTPUTS and LANES only say which thread does what: they cannot change
// a bit. A weight is loaded and unpacked once for all rows of the tile. Neighbouring threads own neighbouring
// outputs, whose chunks lie side by side.
const TILE = 1u;             // rows of x per thread
const OUTPUTS = 1u;          // outputs per thread and matrix, LANES apart
const LANES = 16u;           // threads side by side
const MATRICES = 1u;
const PAIRED = false;        // MATRICES == 2
const SUBGROUPS = false;     // each thread loads a quarter of a group of x and hands it round; not with INTEGER

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) id: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  //: if SUBGROUPS
  @builtin(subgroup_invocation_id) subgroup_lane: u32,
  //: end
) {
  let num_rows = step[shape.count];
  let first_output = id.x * OUTPUTS * LANES + local.x;
  var first_row = id.y * TILE;
  if (shape.tile > 0u) { first_row += num_rows / shape.tile * shape.tile; }
  if (first_row >= num_rows) { return; }

  let groups = shape.groups;
  //: for m in MATRICES
  //: for r in OUTPUTS
  let row_$m_$r = select(shape.first, shape.second, $mu == 1u) + min(first_output + $ru * LANES, shape.outputs - 1u);
  let quants_$m_$r = first_chunk(row_$m_$r, groups);
  let scales_$m_$r = first_scale(row_$m_$r, groups);
  //: end
  //: end
  //: for c in TILE
  let x_$c = (first_row + $cu) * groups * X_VECTORS;
  //: if NORM
  var squares_$c = vec4<f32>(0.0);
  //: end
  //: end
  //: for m in MATRICES
  //: for r in OUTPUTS
  //: for c in TILE
  var total_$m_$r_$c = 0.0;
  //: end
  //: end
  //: end

  for (var start = 0u; start < groups; start += shape.segment) {
    //: for m in MATRICES
    //: for r in OUTPUTS
    //: for c in TILE
    var partial_$m_$r_$c = 0.0;
    //: end
    //: end
    //: end
    for (var group = start; group < min(start + shape.segment, groups); group++) {
      //: for m in MATRICES
      //: for r in OUTPUTS
      //: for c in TILE
      var sum_$m_$r_$c = Sum();
      //: end
      //: end
      //: end
      //: if NORM
      let gain_here = gain[group * X_VECTORS + (subgroup_lane & 3u)];
      //: end
      //: for c in TILE
      //: if INTEGER
      let held_$c = x[x_$c + group * X_VECTORS];
      let side_$c = bitcast<vec4<f32>>(x[x_$c + group * X_VECTORS + 1u]).xy;
      //: else
      const side_$c = Side();
      //: end
      //: if SUBGROUPS
      //: if NORM
      let raw_$c = x[x_$c + group * X_VECTORS + (subgroup_lane & 3u)];
      squares_$c = fma(raw_$c, raw_$c, squares_$c);
      let held_$c = raw_$c * gain_here;
      //: else
      let held_$c = x[x_$c + group * X_VECTORS + (subgroup_lane & 3u)];
      //: end
      //: end
      //: end
      let factors = factors_of(group, 0u);
      //: if AFFINE
      //: for m in MATRICES
      //: for r in OUTPUTS
      let line_$m_$r = line_of(scales_$m_$r + scale_at(group), group);
      //: end
      //: end
      //: end
      //: for j in GROUP_CHUNKS
      {
        let to_chunk = chunk_at(group, 0u, $ju);
        //: for m in MATRICES
        //: for r in OUTPUTS
        let chunk_$m_$r = quants[quants_$m_$r + to_chunk];
        //: end
        //: end
        //: for q in QUADS
        {
          //: for c in TILE
          //: if INTEGER
          let v_$c = held_$c[$qu];
          //: else
          //: if SUBGROUPS
          let v_$c = subgroupBroadcast(held_$c, $ju * QUADS + $qu);
          //: else
          let v_$c = x[x_$c + group * X_VECTORS + $ju * QUADS + $qu];
          //: end
          //: end
          //: end
          //: for m in MATRICES
          //: for r in OUTPUTS
          {
            //: if AFFINE
            let w = affine_quad(chunk_$m_$r, $qu, line_$m_$r);
            //: else
            let w = unpack_quad(chunk_$m_$r, $qu, factors);
            //: end
            //: for c in TILE
            sum_$m_$r_$c = add_quad(w, v_$c, sum_$m_$r_$c);
            //: end
          }
          //: end
          //: end
        }
        //: end
      }
      //: end
      let to_scale = scale_at(group);
      //: for m in MATRICES
      //: for r in OUTPUTS
      {
        //: if AFFINE
        let scale = scale_of_line(line_$m_$r);
        //: else
        let scale = scale_from(scales_$m_$r + to_scale, group);
        //: end
        //: for c in TILE
        partial_$m_$r_$c = add_group(partial_$m_$r_$c, sum_$m_$r_$c, scale, side_$c);
        //: end
      }
      //: end
      //: end
    }
    //: for m in MATRICES
    //: for r in OUTPUTS
    //: for c in TILE
    total_$m_$r_$c += partial_$m_$r_$c;
    //: end
    //: end
    //: end
  }

  //: for c in TILE
  //: if NORM
  let scale_$c = norm_scale(squares_$c);
  //: else
  const scale_$c = 1.0;
  //: end
  if (first_row + $cu < num_rows) {
    //: for r in OUTPUTS
    if (first_output + $ru * LANES < shape.outputs) {
      //: if PAIRED
      let value = activation(total_0_$r_$c * scale_$c) * (total_1_$r_$c * scale_$c);
      //: else
      let value = total_0_$r_$c * scale_$c;
      //: end
      store(first_row + $cu, first_output + $ru * LANES, value);
    }
    //: end
  }
  //: end
}
