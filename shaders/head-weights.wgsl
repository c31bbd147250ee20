// What some architectures do to the heads of a row before they are rotated: q, k and v get their biases (Qwen2), or q
// and k their RMSNorm (Qwen3). In place, by the workgroup that rotates them; a storageBarrier() must follow.
const QKV_BIAS = false;      // head_weights: [q bias | k bias | v bias]
const QK_NORM = false;       // head_weights: [q norm | k norm], HEAD_DIM each
const NORM_EPSILON = 0.00001;

// Of a row that begins at `start`: `count` elements from `first` on.
fn add_bias(start: u32, first: u32, count: u32, t: u32) {
  for (var i = first + t; i < first + count; i += WORKGROUP) { qkv[start + i] += head_weights[i]; }
}

// One thread takes a whole head: its sum is one chain of fma, whoever calls.
fn normalise(at: u32, is_key: bool) {
  let weights = select(0u, HEAD_DIM, is_key);
  var sum = 0.0;
  for (var i = 0u; i < HEAD_DIM; i++) { sum = fma(qkv[at + i], qkv[at + i], sum); }
  let scale = 1.0 / sqrt(sum / f32(HEAD_DIM) + NORM_EPSILON);
  for (var i = 0u; i < HEAD_DIM; i++) { qkv[at + i] = qkv[at + i] * scale * head_weights[weights + i]; }
}
