// Turns the positions of a step that was planned ahead, which count from the length that its sequences have by now, into
// those that kernels read. One thread per place.
@group(0) @binding(0) var<storage, read_write> step: array<u32>;         // all sections
@group(0) @binding(1) var<storage, read> lengths: array<u32>;            // [sequences] committed tokens
@group(0) @binding(2) var<storage, read> blocks: array<u32>;             // [sequences, BLOCKS_PER_SEQUENCE]
@group(0) @binding(3) var<storage, read> places: array<u32>;             // number of them, then PLACE_WORDS each

const BLOCKS_PER_SEQUENCE = 8u;
const BLOCK = 64u;
const WORKGROUP = 64u;
const PLACE_WORDS = 3u;  // where the position stands in `step`, of which sequence, 1: a row, whose slot, token and base stand behind it

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= places[0]) { return; }
  let record = 1u + id.x * PLACE_WORDS;
  let at = places[record];
  let sequence = places[record + 1u];
  let length = lengths[sequence];
  step[at] += length; // one before the end is -1: it wraps
  if (places[record + 2u] == 1u) {
    let token_at = step[at + 2u] + length; // its slot is that of its token, in a tree as elsewhere
    step[at + 1u] = blocks[sequence * BLOCKS_PER_SEQUENCE + token_at / BLOCK] * BLOCK + token_at % BLOCK;
    step[at + 2u] = token_at;
    step[at + 3u] += length; // of what it sees
  }
}
