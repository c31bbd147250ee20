// out[row, head] = softmax(q · K / sqrt(head_dim)) · V over positions 0 .. row.position of the row's sequence
//
// One workgroup per (head, row). Positions are taken in splits of one KV block, aligned at position 0 and merged
// in ascending order (flash decoding), so a result depends on the row's position and its KV alone: never on the
// other rows of the pass, nor on how many there are.
@group(0) @binding(1) var<storage, read> q: array<f32>;                // [rows, stride]
@group(0) @binding(2) var<storage, read> kv: array<KV_WORD>;           // [blocks, k|v, kv_heads, BLOCK, head_dim]
@group(0) @binding(3) var<storage, read> blocks: array<u32>;           // [sequences, BLOCKS_PER_SEQUENCE]
@group(0) @binding(4) var<storage, read_write> out: array<f32>;        // [rows, stride]
@group(0) @binding(5) var<uniform> shape: vec4<u32>;                   // heads, kv_heads, stride, 1/sqrt(head_dim)

const KV_F16 = false;
alias KV_WORD = f32;
const HEAD_DIM = 64u;
const BLOCK = 64u;                // positions per KV block and per split
const BLOCKS_PER_SEQUENCE = 8u;
const WORKGROUP = 64u;            // threads take positions in turn, then dimensions; cannot change a bit
const PAIRS = 1u;                 // pairs of dimensions per thread: ceil(HEAD_DIM / 2 / WORKGROUP)

const LOWEST = -1.0e38;           // WGSL has no infinity to rely on

var<workgroup> query: array<f32, HEAD_DIM>;
var<workgroup> weight: array<f32, BLOCK>;     // scores first, then their exponentials
var<workgroup> part_max: array<f32, WORKGROUP>;

// Two neighbouring elements; `at` is even.
fn kv_pair(at: u32) -> vec2<f32> {
  //: if KV_F16
  return unpack2x16float(kv[at / 2u]);
  //: else
  return vec2<f32>(kv[at], kv[at + 1u]);
  //: end
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let head = group.x;
  let row = row_at(group.y);
  let kv_heads = shape.y;
  let kv_head = head / (shape.x / kv_heads);
  let at = group.y * shape.z + head * HEAD_DIM;
  let t = local.x;
  for (var i = t; i < HEAD_DIM; i += WORKGROUP) { query[i] = q[at + i]; }

  var running_max = LOWEST;
  var running_sum = 0.0;
  //: for d in PAIRS
  var value_$d = vec2<f32>(0.0);
  //: end

  for (var start = 0u; start <= row.position; start += BLOCK) {
    let block = blocks[row.sequence * BLOCKS_PER_SEQUENCE + start / BLOCK];
    let k_at = (block * 2u * kv_heads + kv_head) * BLOCK * HEAD_DIM;
    let v_at = k_at + kv_heads * BLOCK * HEAD_DIM;
    let length = min(BLOCK, row.position - start + 1u);

    workgroupBarrier(); // query is there; the last split's weights have been read
    var my_max = LOWEST;
    for (var p = t; p < length; p += WORKGROUP) {
      var dot = 0.0;
      for (var i = 0u; i < HEAD_DIM; i += 2u) {
        let pair = kv_pair(k_at + p * HEAD_DIM + i);
        dot = fma(query[i + 1u], pair.y, fma(query[i], pair.x, dot));
      }
      weight[p] = dot * bitcast<f32>(shape.w);
      my_max = max(my_max, weight[p]);
    }
    part_max[t] = my_max;
    workgroupBarrier();
    var split_max = LOWEST;
    for (var i = 0u; i < min(WORKGROUP, length); i++) { split_max = max(split_max, part_max[i]); }
    for (var p = t; p < length; p += WORKGROUP) { weight[p] = exp(weight[p] - split_max); }
    workgroupBarrier();

    if (2u * t < HEAD_DIM) {
      var split_sum = 0.0;
      for (var p = 0u; p < length; p++) { split_sum += weight[p]; }
      let new_max = max(running_max, split_max);
      let keep = exp(running_max - new_max);
      let add = exp(split_max - new_max);
      running_sum = fma(split_sum, add, running_sum * keep);
      running_max = new_max;
      //: for d in PAIRS
      let i_$d = 2u * (t + $du * WORKGROUP);
      if (i_$d < HEAD_DIM) {
        var sum = vec2<f32>(0.0);
        for (var p = 0u; p < length; p++) {
          sum = fma(vec2<f32>(weight[p]), kv_pair(v_at + p * HEAD_DIM + i_$d), sum);
        }
        value_$d = fma(sum, vec2<f32>(add), value_$d * keep);
      }
      //: end
    }
  }
  //: for d in PAIRS
  let i_$d = 2u * (t + $du * WORKGROUP);
  if (i_$d < HEAD_DIM) {
    out[at + i_$d] = value_$d.x / running_sum;
    out[at + i_$d + 1u] = value_$d.y / running_sum;
  }
  //: end
}
