// Drafts judged by the probabilities p of the target and q of who drafted, both as the request's filters leave them.
// Tokens are kept more often than by equal samples (accept.wgsl); the answer's distribution is the target's own all the
// same, its ids are not those of decoding without drafts.
//
//   rejection   keeps x_i with min(1, p_i(x_i) / q_i(x_i)), up to the first that fails (Leviathan, 2211.17192)
//   block       keeps x_1..x_i for the largest i that passes with h_i (Sun et al., 2403.10444, algorithm 2):
//                 ratio_i = min(1, ratio_(i-1) p_i(x_i) / q_i(x_i)),
//                 h_i = S / (S + 1 - ratio_i), S = sum of max(ratio_i p_(i+1) - q_(i+1), 0); at the end h_i = ratio_i
//
// The next token comes from max(ratio p - q, 0) behind a token that failed, ratio being 1 for rejection, and from p
// behind a draft that is kept whole. A lookup's q is all on its token. The draft is drawn, and accepted, by streams of
// noise of their own: noise that the target's token shares would tell it which token has just been rejected.
// What was sampled is rewritten, so that accept.wgsl commits the verdict as it does any other: where a draft is kept the
// sample is its token, and the next one never is, as no token that failed has mass left.
// One workgroup per verdict. Sums are taken in an order that depends on the vocabulary alone.
@group(0) @binding(1) var<storage, read> logits: array<f32>;             // [samples, stride]
@group(0) @binding(2) var<storage, read> supports: array<u32>;           // [samples, SUPPORT_WORDS]
@group(0) @binding(3) var<storage, read> draft_probs: array<f32>;        // [sequences, VERIFICATION_DEPTH, VOCAB]
@group(0) @binding(4) var<storage, read> history: array<u32>;            // [sequences, CONTEXT]
@group(0) @binding(5) var<storage, read_write> sampled: array<u32>;      // [samples]
@group(0) @binding(6) var<uniform> shape: vec4<u32>;                     // vocab, stride

const CONTEXT = 512u;
const VOCAB = 512u;
const VERIFICATION_DEPTH = 1u;
const SAMPLE_WORDS = 12u;
const SUPPORT_WORDS = 4u;
const VERDICT_WORDS = 16u;
const REJECTION = 4u;
const BLOCK = 8u;
const DRAWN = 16u;   // by a model, whose probabilities are kept
const NONE = 0xffffffffu;

struct Draft { first_sample: u32, probs_at: u32, tokens_at: u32, count: u32, drawn: bool, temperature: f32, seed: u32 }

// Where a draft token was drawn, and where it could have been another.
struct Place { sample: u32, probs_at: u32, token: u32, drawn: bool, temperature: f32 }

// The tokens kept, and the ratio behind them.
struct Kept { count: u32, ratio: f32 }

fn place_of(draft: Draft, i: u32) -> Place {
  let probs_at = draft.probs_at + i * VOCAB;
  return Place(draft.first_sample + i, probs_at, history[draft.tokens_at + i], draft.drawn, draft.temperature);
}

fn p_of(place: Place, token: u32) -> f32 {
  let support = place.sample * SUPPORT_WORDS;
  let top = bitcast<f32>(supports[support + 1u]);
  let total = bitcast<f32>(supports[support + 2u]);
  return weight_of(logits[place.sample * shape.y + token], supports[support], top, place.temperature) / total;
}

fn q_of(place: Place, token: u32) -> f32 {
  if (!place.drawn) { return f32(token == place.token); }
  return draft_probs[place.probs_at + token];
}

fn likelihood(place: Place) -> f32 { return p_of(place, place.token) / q_of(place, place.token); }

fn residual(place: Place, ratio: f32, token: u32) -> f32 {
  return max(fma(ratio, p_of(place, token), -q_of(place, token)), 0.0);
}

fn residual_mass(place: Place, ratio: f32, t: u32) -> f32 {
  var sum = 0.0;
  for (var token = t; token < shape.x; token += WORKGROUP) { sum += residual(place, ratio, token); }
  return reduce_sum(sum, t);
}

fn by_rejection(draft: Draft) -> Kept {
  var count = 0u;
  while (count < draft.count && uniform_noise(count, 0u, draft.seed) <= likelihood(place_of(draft, count))) { count++; }
  return Kept(count, 1.0);
}

fn by_block(draft: Draft, t: u32) -> Kept {
  var kept = Kept(0u, 1.0);
  var ratio = 1.0;
  for (var i = 0u; i < draft.count; i++) {
    ratio = min(ratio * likelihood(place_of(draft, i)), 1.0);
    var keep = ratio;
    if (ratio < 1.0 && i + 1u < draft.count) {
      let mass = residual_mass(place_of(draft, i + 1u), ratio, t);
      keep = mass / (mass + 1.0 - ratio);
    }
    if (uniform_noise(i, 0u, draft.seed) <= keep) { kept = Kept(i + 1u, ratio); }
  }
  return kept;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let t = local.x;
  let verdict = step[VERDICTS_AT] + group.x * VERDICT_WORDS;
  let sequence = step[verdict];
  let length = step[verdict + 1u];
  let first_sample = step[verdict + 2u];
  let depth = step[verdict + 3u];
  let sample = step[SAMPLES_AT] + first_sample * SAMPLE_WORDS;
  let temperature = bitcast<f32>(step[sample + 3u]);
  let seed = step[sample + 7u];
  let flags = step[sample + 9u];
  if ((flags & (REJECTION | BLOCK)) == 0u) { return; }

  let tokens_at = sequence * CONTEXT + length;
  var count = 0u;
  while (count < depth && history[tokens_at + count] != NONE) { count++; }
  let probs_at = sequence * VERIFICATION_DEPTH * VOCAB;
  let accept_seed = stream_seed(ACCEPT_STREAM, length, seed);
  let draft = Draft(first_sample, probs_at, tokens_at, count, (flags & DRAWN) != 0u, temperature, accept_seed);
  var kept = Kept(0u, 1.0);
  if ((flags & BLOCK) != 0u) { kept = by_block(draft, t); } else { kept = by_rejection(draft); }
  for (var i = t; i < kept.count; i += WORKGROUP) { sampled[first_sample + i] = history[tokens_at + i]; }
  if (kept.count == count) { return; }

  let failed = place_of(draft, kept.count);
  var best = Best(LOWEST, 0u);
  for (var token = t; token < shape.x; token += WORKGROUP) {
    let weight = residual(failed, kept.ratio, token);
    if (weight > 0.0 && token != failed.token) {
      let score = log(weight) + gumbel(token, length + kept.count, seed);
      if (score > best.value) { best = Best(score, token); }
    }
  }
  best = reduce_best(best, t);
  // Nothing is left where p and q are alike but for rounding: then the sample stands.
  if (t == 0u && best.value > LOWEST) { sampled[failed.sample] = best.token; }
}
