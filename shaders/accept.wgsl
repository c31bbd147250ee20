// Compares what the target sampled with what was drafted, sequence by sequence, and commits the verdict.
// Token j of the step is the target's own sample at position length + j; it stands whatever the draft said.
// The draft token there is accepted if it is the same, and then the next sample is valid too. (DESIGN.md section 2)
// In a tree a sample is compared with the nodes that follow its own; the path taken is left for move-kv.wgsl.
// Where samples are drawn with penalties, the committed tokens are counted for the next step's.
// One thread per verdict.
@group(0) @binding(1) var<storage, read> sampled: array<u32>;            // [samples]
@group(0) @binding(2) var<storage, read_write> history: array<u32>;      // [sequences, CONTEXT]
@group(0) @binding(3) var<storage, read_write> verdicts: array<u32>;     // [sequences, RESULT_WORDS]
@group(0) @binding(4) var<storage, read_write> counts: array<u32>;       // [sequences, VOCAB]
@group(0) @binding(5) var<storage, read_write> lengths: array<u32>;      // [sequences] committed tokens

const CONTEXT = 512u;
const VOCAB = 512u;
const WORKGROUP = 32u;
const SAMPLE_WORDS = 12u;
const PENALISED = 2u;
const VERDICT_WORDS = 16u;
const RESULT_WORDS = 48u;   // number of tokens, accepted drafts, stopped, drafts, tokens
const PATH_AT = 24u;        // nodes that the tokens were sampled at, four per word
const NONE = 0xffffffffu;   // where a lookup found nothing

// Of the node in a row of a tree.
fn parent_of(row: u32) -> u32 { return step[step[ROWS_AT] + row * ROW_WORDS + 6u]; }

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= step[NUM_VERDICTS]) { return; }
  let record = step[VERDICTS_AT] + id.x * VERDICT_WORDS;
  let sequence = step[record];
  let length = step[record + 1u];
  let first_sample = step[record + 2u];
  let depth = step[record + 3u];
  let num_stops = step[record + 4u] & 0xffu;
  let is_tree = step[record + 4u] > 0xffu;
  let penalised = (step[step[SAMPLES_AT] + first_sample * SAMPLE_WORDS + 9u] & PENALISED) != 0u;
  let result = sequence * RESULT_WORDS;

  let begin = sequence * CONTEXT + length - 1u; // of node 0, the last token; node j stands j further on
  let first_row = step[step[SAMPLES_AT] + first_sample * SAMPLE_WORDS];
  var num_drafted = 0u;
  while (num_drafted < depth && history[begin + 1u + num_drafted] != NONE) { num_drafted++; }
  var num_tokens = 0u;
  var num_accepted = 0u;
  var stopped = 0u;
  var node = 0u;
  loop {
    let token = sampled[first_sample + node];
    var next = node + 1u;
    while (next <= num_drafted && !(history[begin + next] == token && (!is_tree || parent_of(first_row + next) == node))) {
      next = select(num_drafted + 1u, next + 1u, is_tree);
    }
    let position = length + num_tokens;
    // The token after a full context has no place there. A node that is still to be looked at stands further on.
    if (position < CONTEXT) { history[sequence * CONTEXT + position] = token; }
    if (penalised) { counts[sequence * VOCAB + token]++; }
    verdicts[result + 4u + num_tokens] = token;
    if (is_tree) { verdicts[result + PATH_AT + num_tokens / 4u] = insertBits(verdicts[result + PATH_AT + num_tokens / 4u], node, num_tokens % 4u * 8u, 8u); }
    num_tokens++;
    for (var i = 0u; i < num_stops; i++) {
      if (token == step[record + 5u + i]) { stopped = 1u; }
    }
    let matches = next <= num_drafted;
    if (matches) { num_accepted++; }
    if (!matches || stopped == 1u) { break; }
    node = next;
  }
  verdicts[result] = num_tokens;
  verdicts[result + 1u] = num_accepted;
  verdicts[result + 2u] = stopped;
  verdicts[result + 3u] = num_drafted;
  lengths[sequence] = length + num_tokens;
}
