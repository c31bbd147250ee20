// After a tree's verdict: keys and values of the path taken, from their nodes' slots to those of their positions.
// A node never stands before its depth, so in ascending order no slot is overwritten before it is read.
// One workgroup per verdict; a thread moves the same chunk of every token. Layout: rope-append.wgsl.
@group(0) @binding(1) var<storage, read> verdicts: array<u32>;           // [sequences, RESULT_WORDS]
@group(0) @binding(2) var<storage, read> blocks: array<u32>;             // [sequences, BLOCKS_PER_SEQUENCE]
@group(0) @binding(3) var<storage, read_write> kv: array<vec4<u32>>;     // [blocks, k|v, kv_heads, BLOCK * CHUNKS]
@group(0) @binding(4) var<uniform> shape: vec4<u32>;                     // kv_heads

const CHUNKS = 16u;
const BLOCK = 64u;
const BLOCKS_PER_SEQUENCE = 8u;
const WORKGROUP = 64u;
const VERDICT_WORDS = 16u;
const RESULT_WORDS = 48u;
const PATH_AT = 24u;

// Chunk `chunk` of plane `plane`, K of all heads first, at a position of a sequence.
fn place_of(sequence: u32, position: u32, plane: u32, chunk: u32) -> u32 {
  let block = blocks[sequence * BLOCKS_PER_SEQUENCE + position / BLOCK];
  let start = (block * 2u * shape.x + plane) * BLOCK * CHUNKS;
  let within = position % BLOCK;
  return start + select(within * CHUNKS + chunk, chunk * BLOCK + within, plane < shape.x);
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let record = step[VERDICTS_AT] + id.x * VERDICT_WORDS;
  if (step[record + 4u] <= 0xffu) { return; } // no tree
  let sequence = step[record];
  let base = step[record + 1u] - 1u;
  let result = sequence * RESULT_WORDS;
  for (var i = local.x; i < 2u * shape.x * CHUNKS; i += WORKGROUP) {
    let plane = i / CHUNKS;
    let chunk = i % CHUNKS;
    for (var depth = 1u; depth < verdicts[result]; depth++) {
      let node = extractBits(verdicts[result + PATH_AT + depth / 4u], depth % 4u * 8u, 8u);
      if (node == depth) { continue; }
      kv[place_of(sequence, base + depth, plane, chunk)] = kv[place_of(sequence, base + node, plane, chunk)];
    }
  }
}
