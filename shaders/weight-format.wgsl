// How a 16-byte chunk of a packed row becomes numbers. Layout: packages/weights/src/row-packing.ts.
// Columns are taken in groups of 16: GROUP_CHUNKS chunks of QUADS quads of four columns in ascending order. A chunk of
// q4_0 holds two groups, the second in the high nibbles.
const FORMAT = 0u;        // 0 f32, 1 f16, 2 bf16, 3 q8_0, 4 q4_0
const GROUP_CHUNKS = 4u;  // 4, 2, 2, 1, 1
const QUADS = 1u;         // 1, 2, 2, 4, 4
const QUANTISED = false;
const ROW_TILE = 16u;     // rows that are interleaved

// A signed number of 8 or 4 bits is moved to the top of its word, and stays there as a float: a multiplication and no
// shifts, which SwiftShader does lane by lane. The scale takes the power of two back, exactly.
const BYTE_TO_TOP = vec4<u32>(0x1000000u, 0x10000u, 0x100u, 1u);
const UNDO_Q8 = 5.9604644775390625e-8;  // 2^-24
const UNDO_Q4 = 3.725290298461914e-9;   // 2^-28

// Chunks of one row; `groups` is its number of columns / 16.
fn chunks_of(groups: u32) -> u32 { return select(groups * GROUP_CHUNKS, groups / 2u, FORMAT == 4u); }

// Where row `row` has its first chunk, and its first pair of scales. The next one follows ROW_TILE further on.
fn first_chunk(row: u32, groups: u32) -> u32 {
  return row / ROW_TILE * chunks_of(groups) * ROW_TILE + row % ROW_TILE;
}
fn first_scale(row: u32, groups: u32) -> u32 { return row / ROW_TILE * (groups / 4u) * ROW_TILE + row % ROW_TILE; }

// Chunk j of a group.
fn chunk_at(group: u32, j: u32) -> u32 {
  return select(group * GROUP_CHUNKS + j, group / 2u, FORMAT == 4u) * ROW_TILE;
}

// Quad i of a chunk, without the scale.
fn unpack_quad(chunk: vec4<u32>, i: u32, group: u32) -> vec4<f32> {
  if (FORMAT == 0u) { return bitcast<vec4<f32>>(chunk); }
  if (FORMAT == 1u) {
    return vec4<f32>(unpack2x16float(chunk[2u * i]), unpack2x16float(chunk[2u * i + 1u]));
  }
  if (FORMAT == 2u) {
    let pair = vec2<u32>(chunk[2u * i], chunk[2u * i + 1u]);
    return bitcast<vec4<f32>>(vec4<u32>(pair.x << 16u, pair.x & 0xffff0000u, pair.y << 16u, pair.y & 0xffff0000u));
  }
  if (FORMAT == 3u) {
    return vec4<f32>(bitcast<vec4<i32>>((vec4<u32>(chunk[i]) * BYTE_TO_TOP) & vec4<u32>(0xff000000u)));
  }
  let to_top = BYTE_TO_TOP * (16u - 15u * (group & 1u));
  return vec4<f32>(bitcast<vec4<i32>>((vec4<u32>(chunk[i]) * to_top) & vec4<u32>(0xf0000000u)));
}

// From a word of two scales, that of the group's block.
fn scale_of(pair: u32, group: u32) -> f32 {
  return unpack2x16float(pair)[(group / 2u) & 1u] * select(UNDO_Q8, UNDO_Q4, FORMAT == 4u);
}
