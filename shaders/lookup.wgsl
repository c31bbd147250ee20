// Prompt lookup (packages/scheduler/src/lookup.ts): the longest suffix of the tokens, of up to MAX_N, that stood earlier
// in them; the text is guessed to go on as it did there, the earliest time if there are several. The guesses are left
// behind the last token; NONE where there is none, which no sample can equal.
// One workgroup per lookup.
@group(0) @binding(0) var<storage, read> lookups: array<u32>;            // number of them, then sequence and depth each
@group(0) @binding(1) var<storage, read> lengths: array<u32>;            // [sequences] committed tokens
@group(0) @binding(2) var<storage, read_write> history: array<u32>;      // [sequences, CONTEXT]

const CONTEXT = 512u;
const WORKGROUP = 64u;
const MAX_N = 4u;
const NONE = 0xffffffffu;
const PLACE_BITS = 24u;

var<workgroup> best: atomic<u32>; // length of the suffix, then how far before the end it stood: the farthest wins

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let sequence = lookups[1u + 2u * id.x];
  let depth = lookups[2u + 2u * id.x];
  let length = lengths[sequence];
  let begin = sequence * CONTEXT;
  for (var at = local.x; at + 1u < length; at += WORKGROUP) {
    var n = 0u;
    while (n < MAX_N && n <= at && history[begin + at - n] == history[begin + length - 1u - n]) { n++; }
    if (n > 0u) { atomicMax(&best, (n << PLACE_BITS) | (length - 1u - at)); }
  }
  workgroupBarrier();
  let back = atomicLoad(&best) & ((1u << PLACE_BITS) - 1u);
  for (var i = local.x; i < depth && length + i < CONTEXT; i += WORKGROUP) {
    let source = length - back + i;
    history[begin + length + i] = select(NONE, history[begin + source], back > 0u && source < length);
  }
}
