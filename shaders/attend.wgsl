// out[row, head] = softmax(q · K / sqrt(head_dim)) · V over the slots that the row sees
//
// One workgroup per (KV head, split, tile of rows), whose rows and query heads share each load. Positions are taken in
// splits of one KV block, aligned at position 0 (flash decoding); merge.wgsl folds the splits, or with WALK the
// workgroup takes them all and folds them itself, in the same order. Each (query, position) and each (query,
// dimension) is one chain of fma, and a slot that a row does not see weighs 0: no result depends on other rows.
@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let tile = tile_at(group.z);
  let kv_heads = shape.x;
  let kv_head = group.x / SLICES;
  append_row(tile.first, kv_head, t);
  let slice = group.x % SLICES * HEADS;
  let table = row_at(tile.first).sequence * BLOCKS_PER_SEQUENCE;
  // Rows beyond the tile and heads beyond the group repeat the last, and store nothing.
  let lane = t % POSITION_THREADS;
  let run = lane / STEP * (STEP * POSITIONS);
  let first = run + lane % STEP;
  let score_row = t / (POSITION_THREADS * SCORE_SLICES) * SCORE_ROWS;
  let score_head = t / POSITION_THREADS % SCORE_SLICES * SCORE_HEADS;
  //: for r in SCORE_ROWS
  let row_$r = row_at(tile.first + min(score_row + $ru, tile.rows - 1u));
  let q_row_$r = (tile.first + min(score_row + $ru, tile.rows - 1u)) * shape.y;
  //: for h in SCORE_HEADS
  let q_$r_$h = q_row_$r + (kv_head * GROUP + min(slice + score_head + $hu, GROUP - 1u)) * HEAD_DIM;
  //: end
  //: end
  let chunk = t % CHUNKS;
  let value_row = t / (CHUNKS * VALUE_SLICES) * VALUE_ROWS;
  let value_head = t / CHUNKS % VALUE_SLICES * VALUE_HEADS;
  let valuing = value_row < tile.rows;
  let score_query = score_row * HEADS + score_head;
  let value_query = value_row * HEADS + value_head;
  let weights = memory_at(group);
  let thread_tops = weights + WEIGHTS;
  let tops = thread_tops + THREAD_TOPS;
  //: if WALK
  //: for r in VALUE_ROWS
  let position_$r = row_at(tile.first + min(value_row + $ru, tile.rows - 1u)).position;
  //: for h in VALUE_HEADS
  var top_$r_$h = LOWEST;
  var total_$r_$h = 0.0;
  //: for d in QUADS
  var value_$r_$h_$d = vec4<f32>(0.0);
  //: end
  //: end
  //: end
  for (var split = first_split_of(tile); split < tile.splits; split++) {
  //: else
  let split = group.y;
  if (split < first_split_of(tile) || split >= tile.splits) { return; }
  //: end
    let start = split * BLOCK;
    let k_at = plane_at(table + split, kv_head);
    let v_at = k_at + kv_heads * PLANE + chunk;
    //: if TREE
    let length = min(select(BLOCK, SPAN, tile.nodes_from < start + BLOCK), tile.end - start);
    let k_at_next = plane_at(table + min(split + 1u, BLOCKS_PER_SEQUENCE - 1u), kv_head);
    let v_at_next = k_at_next + kv_heads * PLANE + chunk - PLANE;
    //: else
    let length = min(BLOCK, tile.end - start);
    //: end

    let scoring = score_row < tile.rows && run < length;
    //: for r in SCORE_ROWS
    //: for h in SCORE_HEADS
    //: for p in POSITIONS
    var score_$p_$r_$h = 0.0;
    //: end
    //: end
    //: end
    if (scoring) {
      //: if TREE
      let keys = select(k_at, k_at_next, first >= BLOCK) + first % BLOCK;
      //: else
      let keys = k_at + first;
      //: end
      for (var c = 0u; c < CHUNKS; c++) {
        //: for p in POSITIONS
        let k_$p = kv[keys + c * BLOCK + $pu * STEP];
        //: for d in QUADS
        let k_$p_$d = quad_$d(k_$p);
        //: end
        //: end
        //: for r in SCORE_ROWS
        //: for h in SCORE_HEADS
        //: for d in QUADS
        let q_$r_$h_$d = q_quad(q_$r_$h + (c * QUADS + $du) * 4u);
        //: for p in POSITIONS
        score_$p_$r_$h = fma(q_$r_$h_$d.w, k_$p_$d.w, fma(q_$r_$h_$d.z, k_$p_$d.z, fma(q_$r_$h_$d.y, k_$p_$d.y, fma(q_$r_$h_$d.x, k_$p_$d.x, score_$p_$r_$h))));
        //: end
        //: end
        //: end
        //: end
      }
      //: for r in SCORE_ROWS
      //: for p in POSITIONS
      let seen_$p_$r = sees(row_$r, start + first + $pu * STEP, start);
      //: end
      //: for h in SCORE_HEADS
      var top_score_$r_$h = LOWEST;
      //: for p in POSITIONS
      score_$p_$r_$h = select(LOWEST, capped(score_$p_$r_$h), seen_$p_$r);
      top_score_$r_$h = max(top_score_$r_$h, score_$p_$r_$h);
      //: end
      memory[thread_tops + (score_query + $ru * HEADS + $hu) * POSITION_THREADS + lane] = top_score_$r_$h;
      //: end
      //: end
    }
    barrier();
    if (t < tile.rows * HEADS) { memory[tops + t] = top_of(thread_tops + t * POSITION_THREADS, length); }
    barrier();
    if (scoring) {
      //: for r in SCORE_ROWS
      //: for h in SCORE_HEADS
      let split_top_$r_$h = memory[tops + score_query + $ru * HEADS + $hu];
      let w_$r_$h = weights + (score_query + $ru * HEADS + $hu) * SPAN + first;
      //: for p in POSITIONS
      memory[w_$r_$h + $pu * STEP] = select(0.0, exp(score_$p_$r_$h - split_top_$r_$h), score_$p_$r_$h > LOWEST);
      //: end
      //: end
      //: end
    }
    barrier();

    if (valuing) {
      //: for r in VALUE_ROWS
      //: for h in VALUE_HEADS
      let w_$r_$h = weights + (value_query + $ru * HEADS + $hu) * SPAN;
      var sum_$r_$h = 0.0;
      //: for d in QUADS
      var part_$r_$h_$d = vec4<f32>(0.0);
      //: end
      //: end
      //: end
      for (var p = 0u; p < length; p += UNROLLED) {
        //: if TREE
        let at = select(v_at, v_at_next, p >= BLOCK) + p * CHUNKS;
        //: else
        let at = v_at + p * CHUNKS;
        //: end
        //: for s in UNROLLED
        let v_$s = kv[at + $su * CHUNKS];
        //: for d in QUADS
        let v_$s_$d = quad_$d(v_$s);
        //: end
        //: for r in VALUE_ROWS
        //: for h in VALUE_HEADS
        let w_$s_$r_$h = memory[w_$r_$h + p + $su];
        sum_$r_$h += w_$s_$r_$h;
        //: for d in QUADS
        part_$r_$h_$d = fma(vec4<f32>(w_$s_$r_$h), v_$s_$d, part_$r_$h_$d);
        //: end
        //: end
        //: end
        //: end
      }
      //: for r in VALUE_ROWS
      //: for h in VALUE_HEADS
      //: if WALK
      if (start <= position_$r) {
        let f = fold(top_$r_$h, memory[tops + value_query + $ru * HEADS + $hu]);
        top_$r_$h = f.top;
        total_$r_$h = fma(sum_$r_$h, f.add, total_$r_$h * f.keep);
        //: for d in QUADS
        value_$r_$h_$d = fma(part_$r_$h_$d, vec4<f32>(f.add), value_$r_$h_$d * f.keep);
        //: end
      }
      //: else
      if (is_live(tile, value_row + $ru, slice + value_head + $hu)) {
        let head = kv_head * GROUP + slice + value_head + $hu;
        let at = ((split * step[NUM_ROWS] + tile.first + value_row + $ru) * kv_heads * GROUP + head) * PART;
        if (chunk == 0u) {
          out[at] = memory[tops + value_query + $ru * HEADS + $hu];
          out[at + 1u] = sum_$r_$h;
        }
        //: for d in QUADS
        store(at + PART_HEAD, (chunk * QUADS + $du) * 4u, part_$r_$h_$d);
        //: end
      }
      //: end
      //: end
      //: end
    }
  //: if WALK
  }
  //: for r in VALUE_ROWS
  //: for h in VALUE_HEADS
  if (is_live(tile, value_row + $ru, slice + value_head + $hu)) {
    let head = kv_head * GROUP + slice + value_head + $hu;
    let at = (tile.first + value_row + $ru) * shape.z + head * HEAD_DIM;
    //: for d in QUADS
    store(at, (chunk * QUADS + $du) * 4u, value_$r_$h_$d / total_$r_$h);
    //: end
  }
  //: end
  //: end
  //: end
}
