// matmul.wgsl's products, the same bits, for passes of more rows than its tiles have: the weights of HELD groups are
// unpacked once and stay, and the rows pass by, one after the other. So a further row costs its arithmetic and nothing
// else, however many there are, and one short kernel serves all of them. For CPUs: what is held, and the sums of all
// rows, are too much for a GPU's registers.
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
  var total_$m_$r: array<f32, ROWS>;
  var partial_$m_$r: array<f32, ROWS>;
  //: end
  //: end
  //: if NORM
  var squares: array<vec4<f32>, ROWS>;
  //: end

  for (var start = 0u; start < groups; start += shape.segment) {
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
        //: for h in HELD
        //: if INTEGER
        let held_$h = x[x_at + $hu * X_VECTORS];
        let side_$h = bitcast<vec4<f32>>(x[x_at + $hu * X_VECTORS + 1u]).xy;
        //: else
        const side_$h = Side();
        //: end
        //: if SUBGROUPS
        //: if NORM
        let raw_$h = x[x_at + $hu * X_VECTORS + (subgroup_lane & 3u)];
        squares[row] = fma(raw_$h, raw_$h, squares[row]);
        let held_$h = raw_$h * gain_$h;
        //: else
        let held_$h = x[x_at + $hu * X_VECTORS + (subgroup_lane & 3u)];
        //: end
        //: end
        //: for j in GROUP_CHUNKS
        //: for q in QUADS
        //: if INTEGER
        let v_$h_$j_$q = held_$h[$qu];
        //: else
        //: if SUBGROUPS
        let v_$h_$j_$q = subgroupBroadcast(held_$h, $ju * QUADS + $qu);
        //: else
        let v_$h_$j_$q = x[x_at + $hu * X_VECTORS + $ju * QUADS + $qu];
        //: end
        //: end
        //: end
        //: end
        //: end
        //: for m in MATRICES
        //: for r in OUTPUTS
        {
          var partial = partial_$m_$r[row];
          //: for h in HELD
          {
            var sum = Sum();
            //: for j in GROUP_CHUNKS
            //: for q in QUADS
            sum = add_quad(w_$m_$r_$h_$j_$q, v_$h_$j_$q, sum);
            //: end
            //: end
            partial = add_group(partial, sum, scale_$m_$r_$h, side_$h);
          }
          //: end
          partial_$m_$r[row] = partial;
        }
        //: end
        //: end
      }
    }
    for (var row = 0u; row < num_rows; row++) {
      //: for m in MATRICES
      //: for r in OUTPUTS
      total_$m_$r[row] += partial_$m_$r[row];
      partial_$m_$r[row] = 0.0;
      //: end
      //: end
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
      let value = activation(total_0_$r[row] * scale) * (total_1_$r[row] * scale);
      //: else
      let value = total_0_$r[row] * scale;
      //: end
      store(first_row + row, first_output + $ru * LANES, value);
    }
    //: end
  }
}
