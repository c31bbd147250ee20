// One token per sample: argmax(logit / T + g(seed, position, token)) over the tokens that top-k, top-p and min-p
// keep; T = 0 is the plain argmax. The lowest id wins ties. What mask-logits.wgsl has put at LOWEST is never kept. A draft
// leaves its token in the history where the next pass, or the verdict, reads it; that of a tree leaves the best few, its
// children.
//
// g is Gumbel noise from a counter-based hash, so the token is an exact draw from the filtered softmax, and the
// same draw whoever asks: target and draft share the noise (Daliri, Musco and Suresh, 2408.07978).
// The filters need no sort: the k-th largest logit and the edge of the nucleus are found by radix descent over
// order-preserving keys, four times eight bits. Masses are integers, so their sums have no order.
// For verify.wgsl a request's draft draws with noise of its own and leaves the probabilities that it drew with; the
// target leaves what its filters keep.
// With MARGINS, for passes that draft: how far the best logit is above the next one is left too, how sure the draft was.
// One workgroup per sample.
@group(0) @binding(1) var<storage, read> logits: array<f32>;             // [samples, stride]
@group(0) @binding(2) var<storage, read_write> sampled: array<u32>;      // [samples]
@group(0) @binding(3) var<storage, read_write> history: array<u32>;      // [sequences, CONTEXT]
@group(0) @binding(4) var<storage, read_write> draft_probs: array<f32>;  // [sequences, VERIFICATION_DEPTH, VOCAB]
@group(0) @binding(5) var<storage, read_write> supports: array<u32>;     // [samples, SUPPORT_WORDS]
@group(0) @binding(6) var<storage, read_write> verdicts: array<u32>;     // [sequences, RESULT_WORDS]
@group(0) @binding(7) var<uniform> shape: vec4<u32>;                     // vocab, stride

const CONTEXT = 512u;
const VOCAB = 512u;
const VERIFICATION_DEPTH = 1u;
const SAMPLE_WORDS = 12u;
const MARGINS = false;
const RESULT_WORDS = 48u;
const MARGINS_AT = 32u;        // of a verdict: a chain's margins
const SUPPORT_WORDS = 4u;      // least key kept, top logit, sum of exp((logit - top) / T) over what is kept
const VERIFIED = 12u;          // flags of a sample that verify.wgsl will see: REJECTION or BLOCK
const MASS_ONE = 1073741824.0; // 2^30 stands for probability 1
const HIGHEST = 3.0e38;
const COLDEST = 1e-5;          // any colder is the plain argmax: (value - top) / T must stay finite

var<workgroup> histogram: array<atomic<u32>, 256>;
var<workgroup> chosen: vec2<u32>; // digit found, mass still wanted below it

// The largest key whose mass, its own and that of all keys above it, reaches what is wanted: k tokens of mass 1 (the
// k-th largest logit), or with k = 0 the share top_p of the probability (the edge of the nucleus). Keys below
// `at_least` have no mass.
fn threshold(t: u32, at: u32, at_least: u32, k: u32, top_p: f32, top: f32, temperature: f32, total: f32) -> u32 {
  var prefix = 0u;  // of the key sought: the digits found
  var fixed = 0u;   // mask of these digits
  var wanted = k;
  for (var shift = 24i; shift >= 0i; shift -= 8i) {
    for (var digit = t; digit < 256u; digit += WORKGROUP) { atomicStore(&histogram[digit], 0u); }
    workgroupBarrier();
    for (var token = t; token < shape.x; token += WORKGROUP) {
      let value = logits[at + token];
      let key = key_of(value);
      if (key >= at_least && (key & fixed) == prefix) {
        var mass = 1u;
        if (k == 0u) { mass = u32(exp((value - top) / temperature) / total * MASS_ONE + 0.5); }
        atomicAdd(&histogram[(key >> u32(shift)) & 255u], mass);
      }
    }
    workgroupBarrier();
    if (t == 0u) {
      if (k == 0u && fixed == 0u) {
        var all = 0u;
        for (var digit = 0u; digit < 256u; digit++) { all += atomicLoad(&histogram[digit]); }
        wanted = clamp(u32(ceil(f32(all) * top_p)), 1u, all);
      }
      var digit = 255u;
      loop {
        let mass = atomicLoad(&histogram[digit]);
        if (mass >= wanted || digit == 0u) { break; }
        wanted -= mass;
        digit--;
      }
      chosen = vec2<u32>(digit, wanted);
    }
    let found = workgroupUniformLoad(&chosen);
    prefix |= found.x << u32(shift);
    fixed |= 255u << u32(shift);
    wanted = found.y;
  }
  return prefix;
}

fn total_weight(t: u32, at: u32, at_least: u32, top: f32, temperature: f32) -> f32 {
  var sum = 0.0;
  for (var token = t; token < shape.x; token += WORKGROUP) { sum += weight_of(logits[at + token], at_least, top, temperature); }
  return reduce_sum(sum, t);
}

fn leave_probs(t: u32, at: u32, at_least: u32, top: f32, temperature: f32, place: u32) {
  let total = total_weight(t, at, at_least, top, temperature);
  // A draft model may lack the target's last tokens.
  for (var token = t; token < VOCAB; token += WORKGROUP) {
    var probability = 0.0;
    if (token < shape.x) { probability = weight_of(logits[at + token], at_least, top, temperature) / total; }
    draft_probs[place + token] = probability;
  }
}

fn leave_support(t: u32, at: u32, at_least: u32, top: f32, temperature: f32, place: u32) {
  let total = total_weight(t, at, at_least, top, temperature);
  if (t != 0u) { return; }
  supports[place] = at_least;
  supports[place + 1u] = bitcast<u32>(top);
  supports[place + 2u] = bitcast<u32>(total);
}

//: if MARGINS
// The next best is that of another thread, or of the one that had the best: it looks through its tokens once more.
fn leave_margin(t: u32, at: u32, mine: Best, best: Best, place: u32) {
  var next = mine;
  if (mine.token == best.token) {
    next = Best(LOWEST, shape.x - 1u);
    for (var token = t; token < shape.x; token += WORKGROUP) {
      if (token != best.token && logits[at + token] > next.value) { next = Best(logits[at + token], token); }
    }
  }
  next = reduce_best(next, t);
  if (t == 0u) { verdicts[place] = bitcast<u32>(best.value - next.value); }
}
//: end

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let t = local.x;
  let record = step[SAMPLES_AT] + group.x * SAMPLE_WORDS;
  let sequence = step[record + 1u];
  let position = step[record + 2u];
  let temperature = bitcast<f32>(step[record + 3u]);
  let top_k = step[record + 4u];
  let top_p = bitcast<f32>(step[record + 5u]);
  let min_p = bitcast<f32>(step[record + 6u]);
  let num_left = extractBits(step[record + 8u], 0u, 8u); // tokens left in the history; 0: the target's own
  let left_at = position + extractBits(step[record + 8u], 8u, 8u);
  let draft = num_left > 0u;
  let verified = (step[record + 9u] & VERIFIED) != 0u;
  let length = step[record + 10u]; // committed tokens
  var seed = step[record + 7u];
  if (draft && verified) { seed = stream_seed(DRAFT_STREAM, length, seed); }
  let at = group.x * shape.y;
  let vocab = shape.x;

  var mine = Best(LOWEST, vocab - 1u);
  for (var token = t; token < vocab; token += WORKGROUP) {
    if (logits[at + token] > mine.value) { mine = Best(logits[at + token], token); }
  }
  var best = reduce_best(mine, t);
  //: if MARGINS
  // Heads guess side by side: their length is their position.
  let head = extractBits(step[record + 8u], 16u, 8u);
  leave_margin(t, at, mine, best, sequence * RESULT_WORDS + MARGINS_AT + position - length + head);
  //: end

  let top = best.value;
  let hot = temperature > COLDEST;
  var at_least = key_of(LOWEST) + 1u;
  if (hot) {
    if (top_k > 0u && top_k < vocab) { at_least = threshold(t, at, at_least, top_k, 0.0, top, temperature, 1.0); }
    if (top_p < 1.0) {
      let total = total_weight(t, at, at_least, top, temperature);
      at_least = threshold(t, at, at_least, 0u, top_p, top, temperature, total);
    }
    if (min_p > 0.0) { at_least = max(at_least, key_of(fma(temperature, log(min_p), top))); }
    at_least = min(at_least, key_of(top)); // log(1) need not be 0
    if (verified && draft) {
      leave_probs(t, at, at_least, top, temperature, (sequence * VERIFICATION_DEPTH + position - length) * VOCAB);
    } else if (verified) {
      leave_support(t, at, at_least, top, temperature, group.x * SUPPORT_WORDS);
    }
  }
  var last = Best(HIGHEST, 0u);
  for (var rank = 0u; rank < max(num_left, 1u); rank++) {
    if (hot || rank > 0u) {
      var drawn = Best(LOWEST, vocab - 1u);
      for (var token = t; token < vocab; token += WORKGROUP) {
        let value = logits[at + token];
        if (key_of(value) < at_least) { continue; }
        var score = value;
        if (hot) { score = (value - top) / temperature + gumbel(token, position, seed); }
        if (score > drawn.value && is_above(last, Best(score, token))) { drawn = Best(score, token); }
      }
      best = reduce_best(drawn, t);
    }
    last = best;
    if (t == 0u) {
      if (rank == 0u) { sampled[group.x] = best.token; }
      if (rank < num_left && left_at + rank < CONTEXT) { history[sequence * CONTEXT + left_at + rank] = best.token; }
    }
  }
}
