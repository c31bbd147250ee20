// Log-softmax of the model's raw logits, for the samples that want it: of the token drawn and of the most likely ones,
// best first. No sort: each round takes the best token under the last one; the lowest id wins ties.
// One workgroup per sample.
@group(0) @binding(1) var<storage, read> logits: array<f32>;             // [samples, stride]
@group(0) @binding(2) var<storage, read> sampled: array<u32>;            // [samples]
@group(0) @binding(3) var<storage, read_write> log_probs: array<u32>;    // [samples, LOG_PROB_WORDS]
@group(0) @binding(4) var<uniform> shape: vec4<u32>;                     // vocab, stride

const LOG_PROB_WORDS = 42u; // log-probability of the token drawn, 0, then pairs of token and log-probability
const SAMPLE_WORDS = 12u;
const HIGHEST = 3.0e38;

fn best_under(last: Best, at: u32, t: u32) -> Best {
  var best = Best(LOWEST, shape.x - 1u);
  for (var token = t; token < shape.x; token += WORKGROUP) {
    let candidate = Best(logits[at + token], token);
    if (is_above(last, candidate) && is_above(candidate, best)) { best = candidate; }
  }
  return reduce_best(best, t);
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let t = local.x;
  let wanted = step[step[SAMPLES_AT] + group.x * SAMPLE_WORDS + 11u]; // 0: nothing, else 1 + how many of the best
  if (wanted == 0u) { return; }
  let at = group.x * shape.y;
  let result = group.x * LOG_PROB_WORDS;

  var best = best_under(Best(HIGHEST, 0u), at, t);
  let top = best.value;
  var sum = 0.0;
  for (var token = t; token < shape.x; token += WORKGROUP) { sum += exp(logits[at + token] - top); }
  let log_sum = log(reduce_sum(sum, t));

  if (t == 0u) { log_probs[result] = bitcast<u32>(logits[at + sampled[group.x]] - top - log_sum); }
  for (var i = 0u; i + 1u < wanted; i++) {
    if (t == 0u) {
      log_probs[result + 2u + 2u * i] = best.token;
      log_probs[result + 3u + 2u * i] = bitcast<u32>(best.value - top - log_sum);
    }
    best = best_under(best, at, t);
  }
}
