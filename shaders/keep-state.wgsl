// After the verdict: the target's state behind its last norm that each sequence's last token was drawn from stays for the
// heads, which guess from it what follows (Medusa: Cai et al., 2401.10774).
// One workgroup per verdict.
@group(0) @binding(1) var<storage, read> verdicts: array<u32>;           // [sequences, RESULT_WORDS]
@group(0) @binding(2) var<storage, read> normed: array<f32>;             // [samples, stride]
@group(0) @binding(3) var<storage, read_write> states: array<f32>;       // [sequences, stride]
@group(0) @binding(4) var<uniform> shape: vec4<u32>;                     // stride

const WORKGROUP = 64u;
const VERDICT_WORDS = 16u;
const RESULT_WORDS = 48u;
const PATH_AT = 24u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let record = step[VERDICTS_AT] + id.x * VERDICT_WORDS;
  let sequence = step[record];
  let result = sequence * RESULT_WORDS;
  let last = verdicts[result] - 1u;
  var node = last;
  if (step[record + 4u] > 0xffu) { // a tree
    node = extractBits(verdicts[result + PATH_AT + last / 4u], last % 4u * 8u, 8u);
  }
  let source = (step[record + 2u] + node) * shape.x;
  for (var i = local.x; i < shape.x; i += WORKGROUP) { states[sequence * shape.x + i] = normed[source + i]; }
}
