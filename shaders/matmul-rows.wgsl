// matmul.wgsl's products, the same bits, for passes of more rows than its tiles have: the weights of HELD groups are
// unpacked once and stay, and the rows pass by, one after the other. So a further row costs its arithmetic and nothing
// else, however many there are, and one short kernel serves all of them. For CPUs: what is held, and the sums of all
// rows, are too much for a GPU's registers.
//
// What an index that is no constant costs in SwiftShader, lane by lane, is as much as all products of a group: sums of rows
// are fetched once for all HELD groups, and totals only where there is more than one segment. The outputs of a row take turns,
// quad by quad, so that what is multiplied stays in registers.
const ROWS = 32u;            // at most, per thread
const HELD = 2u;             // groups of 16 columns: 1, 2 or 4
const OUTPUTS = 8u;          // per thread and matrix, LANES apart
const LANES = 4u;            // threads side by side
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
  let first_row = id.y * ROWS;
  let num_rows = min(step[shape.count] - first_row, ROWS);
  let first_output = id.x * OUTPUTS * LANES + local.x;
  let groups = shape.groups;
  //: for m in MATRICES
  //: for r in OUTPUTS
  let row_$m_$r = select(shape.first, shape.second, $mu == 1u) + min(first_output + $ru * LANES, shape.outputs - 1u);
  let quants_$m_$r = first_chunk(row_$m_$r, groups);
  let scales_$m_$r = first_scale(row_$m_$r, groups);
  var totals_$m_$r: array<f32, ROWS>;
  var partials_$m_$r: array<f32, ROWS>;
  //: end
  //: end
  //: if NORM
  var squares: array<vec4<f32>, ROWS>;
  //: end

  for (var start = 0u; start < groups; start += shape.segment) {
    if (start > 0u) {
      for (var row = 0u; row < num_rows; row++) {
        //: for m in MATRICES
        //: for r in OUTPUTS
        totals_$m_$r[row] += partials_$m_$r[row];
        partials_$m_$r[row] = 0.0;
        //: end
        //: end
      }
    }
    for (var group = start; group < min(start + shape.segment, groups); group += HELD) {
      //: for h in HELD
      let factors_$h = factors_of(group, $hu);
      //: if NORM
      let gain_$h = gain[(group + $hu) * X_VECTORS + (subgroup_lane & 3u)];
      //: end
      //: end
      //: for m in MATRICES
      //: for r in OUTPUTS
      let words_$m_$r = scales_$m_$r + scale_at(group);
      //: if QUANTISED
      let scales_here_$m_$r = scales_of(scales[words_$m_$r]);
      //: end
      //: for h in HELD
      //: if AFFINE
      let line_$m_$r_$h = line_of(words_$m_$r, group + $hu);
      let scale_$m_$r_$h = scale_of_line(line_$m_$r_$h);
      //: else
      //: if QUANTISED
      let scale_$m_$r_$h = scale_of(scales_here_$m_$r, group + $hu);
      //: else
      const scale_$m_$r_$h = Scale();
      //: end
      //: end
      //: for j in GROUP_CHUNKS
      let chunk_$m_$r_$h_$j = quants[quants_$m_$r + chunk_at(group, $hu, $ju)];
      //: for q in QUADS
      //: if AFFINE
      let w_$m_$r_$h_$j_$q = affine_quad(chunk_$m_$r_$h_$j, $qu, line_$m_$r_$h);
      //: else
      let w_$m_$r_$h_$j_$q = unpack_quad(chunk_$m_$r_$h_$j, $qu, factors_$h);
      //: end
      //: end
      //: end
      //: end
      //: end
      //: end
      for (var row = 0u; row < num_rows; row++) {
        let x_at = ((first_row + row) * groups + group) * X_VECTORS;
        //: for m in MATRICES
        //: for r in OUTPUTS
        var partial_$m_$r = partials_$m_$r[row];
        //: end
        //: end
        //: if NORM
        var squares_here = squares[row];
        //: end
        //: for h in HELD
        {
          //: if INTEGER
          let held = x[x_at + $hu * X_VECTORS];
          let side = bitcast<vec4<f32>>(x[x_at + $hu * X_VECTORS + 1u]).xy;
          //: else
          const side = Side();
          //: end
          //: if SUBGROUPS
          //: if NORM
          let raw = x[x_at + $hu * X_VECTORS + (subgroup_lane & 3u)];
          squares_here = fma(raw, raw, squares_here);
          let held = raw * gain_$h;
          //: else
          let held = x[x_at + $hu * X_VECTORS + (subgroup_lane & 3u)];
          //: end
          //: end
          //: for m in MATRICES
          //: for r in OUTPUTS
          var sum_$m_$r = Sum();
          //: end
          //: end
          //: for j in GROUP_CHUNKS
          //: for q in QUADS
          {
            //: if INTEGER
            let v = held[$qu];
            //: else
            //: if SUBGROUPS
            let v = subgroupBroadcast(held, $ju * QUADS + $qu);
            //: else
            let v = x[x_at + $hu * X_VECTORS + $ju * QUADS + $qu];
            //: end
            //: end
            //: for m in MATRICES
            //: for r in OUTPUTS
            sum_$m_$r = add_quad(w_$m_$r_$h_$j_$q, v, sum_$m_$r);
            //: end
            //: end
          }
          //: end
          //: end
          //: for m in MATRICES
          //: for r in OUTPUTS
          partial_$m_$r = add_group(partial_$m_$r, sum_$m_$r, scale_$m_$r_$h, side);
          //: end
          //: end
        }
        //: end
        //: if NORM
        squares[row] = squares_here;
        //: end
        //: for m in MATRICES
        //: for r in OUTPUTS
        partials_$m_$r[row] = partial_$m_$r;
        //: end
        //: end
      }
    }
  }

  for (var row = 0u; row < num_rows; row++) {
    //: if NORM
    let scale = norm_scale(squares[row]);
    //: else
    const scale = 1.0;
    //: end
    //: for r in OUTPUTS
    if (first_output + $ru * LANES < shape.outputs) {
      //: if PAIRED
      let value = activation((totals_0_$r[row] + partials_0_$r[row]) * scale) * ((totals_1_$r[row] + partials_1_$r[row]) * scale);
      //: else
      let value = (totals_0_$r[row] + partials_0_$r[row]) * scale;
      //: end
      store(first_row + row, first_output + $ru * LANES, value);
    }
    //: end
  }
}
