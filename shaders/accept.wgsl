// Compares what the target sampled with what was drafted, sequence by sequence, and commits the verdict.
// Token j of the step is the target's own sample at position length + j; it stands whatever the draft said.
// The draft token there is accepted if it is the same, and then the next sample is valid too. (DESIGN.md section 2)
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
const RESULT_WORDS = 32u;   // number of tokens, accepted drafts, stopped, drafts, tokens
const NONE = 0xffffffffu;   // where a lookup found nothing

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= step[NUM_VERDICTS]) { return; }
  let record = step[VERDICTS_AT] + id.x * VERDICT_WORDS;
  let sequence = step[record];
  let length = step[record + 1u];
  let first_sample = step[record + 2u];
  let depth = step[record + 3u];
  let num_stops = step[record + 4u];
  let penalised = (step[step[SAMPLES_AT] + first_sample * SAMPLE_WORDS + 9u] & PENALISED) != 0u;
  let result = sequence * RESULT_WORDS;

  var num_drafted = 0u;
  while (num_drafted < depth && history[sequence * CONTEXT + length + num_drafted] != NONE) { num_drafted++; }
  var num_tokens = 0u;
  var num_accepted = 0u;
  var stopped = 0u;
  loop {
    let token = sampled[first_sample + num_tokens];
    let position = length + num_tokens;
    let at = sequence * CONTEXT + position;
    let matches = num_tokens < num_drafted && history[at] == token;
    if (position < CONTEXT) { history[at] = token; } // the token after a full context has no place there
    if (penalised) { counts[sequence * VOCAB + token]++; }
    verdicts[result + 4u + num_tokens] = token;
    num_tokens++;
    if (matches) { num_accepted++; }
    for (var i = 0u; i < num_stops; i++) {
      if (token == step[record + 5u + i]) { stopped = 1u; }
    }
    if (!matches || stopped == 1u) { break; }
  }
  verdicts[result] = num_tokens;
  verdicts[result + 1u] = num_accepted;
  verdicts[result + 2u] = stopped;
  verdicts[result + 3u] = num_drafted;
  lengths[sequence] = length + num_tokens;
}
