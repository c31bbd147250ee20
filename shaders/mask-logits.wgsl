// Takes the tokens that a request's grammar forbids out of the draw, in place, for the samples that have a mask: their
// logits become FORBIDDEN, which the sampler never keeps. It comes after bias and penalties, which touch each token by
// itself, so the order between them does not matter; the filters then see allowed tokens alone.
// One workgroup per sample.
@group(0) @binding(1) var<storage, read> masks: array<u32>;              // [samples, MASK_WORDS] bit i: token i may come
@group(0) @binding(2) var<storage, read_write> logits: array<f32>;       // [samples, stride]
@group(0) @binding(3) var<uniform> shape: vec4<u32>;                     // vocab, stride

const WORKGROUP = 256u;
const MASK_WORDS = 16u;
const SAMPLE_WORDS = 12u;
const CONSTRAINED = 32u;   // flag of a sample
const FORBIDDEN = -3.0e38; // LOWEST in reduce.wgsl

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let record = step[SAMPLES_AT] + group.x * SAMPLE_WORDS;
  if ((step[record + 9u] & CONSTRAINED) == 0u) { return; }
  let mask = group.x * MASK_WORDS;
  let at = group.x * shape.y;
  for (var token = local.x; token < shape.x; token += WORKGROUP) {
    let allowed = (masks[mask + token / 32u] >> (token % 32u)) & 1u;
    if (allowed == 0u) { logits[at + token] = FORBIDDEN; }
  }
}
