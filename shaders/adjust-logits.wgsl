// Logit bias and penalties, in place, for the samples whose request has them; the sampler sees the result.
//
//   x += bias
//   x = x > 0 ? x / repetition : x * repetition    tokens of the prompt and of the output (CTRL, 1909.05858)
//   x -= frequency * count + presence              tokens of the output, count times each (OpenAI)
//
// A sample's output is what is committed, counted in `counts`, and the drafted tokens before its own position, in a tree
// those of its row's ancestors: it is drawn as if they stood, and if they do not it is thrown away. So guesses change no
// id.
// One workgroup per sample.
@group(0) @binding(1) var<storage, read> history: array<u32>;            // [sequences, CONTEXT]
@group(0) @binding(2) var<storage, read> counts: array<u32>;             // [sequences, VOCAB]
@group(0) @binding(3) var<storage, read> adjustments: array<u32>;        // [sequences, ADJUSTMENT_WORDS]
@group(0) @binding(4) var<storage, read_write> logits: array<f32>;       // [samples, stride]
@group(0) @binding(5) var<uniform> shape: vec4<u32>;                     // vocab, stride

const CONTEXT = 512u;
const VOCAB = 512u;
const WORKGROUP = 256u;
const ADJUSTMENT_WORDS = 604u; // repetition, presence, frequency, number of biases, then pairs of token and bias
const SAMPLE_WORDS = 12u;
const BIASED = 1u;
const PENALISED = 2u;
const IN_PROMPT = 0x80000000u; // the other bits of a count are the output's
const MAX_DEPTH = 16u;

var<workgroup> drafted: array<u32, MAX_DEPTH>;

fn float_at(at: u32) -> f32 { return bitcast<f32>(adjustments[at]); }

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let t = local.x;
  let vocab = shape.x;
  let record = step[SAMPLES_AT] + group.x * SAMPLE_WORDS;
  let sequence = step[record + 1u];
  let position = step[record + 2u];
  let flags = step[record + 9u];
  let length = step[record + 10u]; // committed tokens
  let request = sequence * ADJUSTMENT_WORDS;
  let at = group.x * shape.y;

  if ((flags & BIASED) != 0u) {
    let num_biases = adjustments[request + 3u];
    for (var i = t; i < num_biases; i += WORKGROUP) {
      let pair = request + 4u + 2u * i;
      let token = adjustments[pair];
      if (token < vocab) { logits[at + token] += float_at(pair + 1u); }
    }
    storageBarrier();
  }
  if ((flags & PENALISED) == 0u) { return; }

  let num_drafted = position - length;
  let ancestors = step[step[ROWS_AT] + step[record] * ROW_WORDS + 5u] >> 1u; // bit i: the i-th token after the last one
  if (ancestors == 0u) {
    for (var i = t; i < num_drafted; i += WORKGROUP) { drafted[i] = history[sequence * CONTEXT + length + i]; }
  } else {
    for (var i = t; i < 31u; i += WORKGROUP) {
      if (((ancestors >> i) & 1u) == 0u) { continue; }
      drafted[countOneBits(ancestors & ((1u << i) - 1u))] = history[sequence * CONTEXT + length + i];
    }
  }
  workgroupBarrier();
  let repetition = float_at(request);
  let presence = float_at(request + 1u);
  let frequency = float_at(request + 2u);
  for (var token = t; token < vocab; token += WORKGROUP) {
    var count = counts[sequence * VOCAB + token];
    for (var i = 0u; i < num_drafted; i++) { count += u32(drafted[i] == token); }
    if (count == 0u) { continue; }
    var value = logits[at + token];
    if (value > 0.0) { value /= repetition; } else { value *= repetition; }
    let in_output = count & ~IN_PROMPT;
    if (in_output > 0u) { value -= fma(frequency, f32(in_output), presence); }
    logits[at + token] = value;
  }
}
