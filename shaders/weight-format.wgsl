// How a 16-byte chunk of a packed row becomes numbers. Layout: packages/weights/src/row-packing.ts.
// Columns are taken in groups of 16: GROUP_CHUNKS chunks of QUADS quads of four columns in ascending order. A chunk of
// q4_0 holds two groups, the second in the high nibbles.
// Shifts and masks, not / and %: a division by a constant is one, lane by lane, where nobody optimises it away.
const F32 = true;
const F16 = false;
const BF16 = false;
const Q8 = false;
const Q4 = false;
const GROUP_CHUNKS = 4u;  // 4, 2, 2, 1, 1
const QUADS = 1u;         // 1, 2, 2, 4, 4
const QUANTISED = false;
const ROW_TILE = 16u;     // rows that are interleaved
const ROW_BITS = 4u;

// A signed number of 8 or 4 bits is moved to the top of its word, and stays there as a float: a multiplication and no
// shifts, which SwiftShader does lane by lane. The scale takes the power of two back, exactly.
const BYTE_TO_TOP = vec4<u32>(0x1000000u, 0x10000u, 0x100u, 1u);
const UNDO_Q8 = 5.9604644775390625e-8;  // 2^-24
const UNDO_Q4 = 3.725290298461914e-9;   // 2^-28

// Where row `row` has its first chunk, and its first pair of scales; `groups` is the row's number of columns / 16. The
// next one follows ROW_TILE further on.
fn first_chunk(row: u32, groups: u32) -> u32 {
  //: if Q4
  let chunks = groups >> 1u;
  //: else
  let chunks = groups * GROUP_CHUNKS;
  //: end
  return (row >> ROW_BITS) * chunks * ROW_TILE + (row & (ROW_TILE - 1u));
}
fn first_scale(row: u32, groups: u32) -> u32 {
  return (row >> ROW_BITS) * (groups >> 2u) * ROW_TILE + (row & (ROW_TILE - 1u));
}

// From there to chunk j of a group, and to the pair that holds its scale.
fn chunk_at(group: u32, j: u32) -> u32 {
  //: if Q4
  return (group >> 1u) * ROW_TILE;
  //: else
  return (group * GROUP_CHUNKS + j) * ROW_TILE;
  //: end
}
fn scale_at(group: u32) -> u32 { return (group >> 2u) * ROW_TILE; }

// What moves a group's numbers to the top of their words. The same for all groups but those of q4_0.
fn factors_of(group: u32) -> vec4<u32> {
  //: if Q4
  return BYTE_TO_TOP * (16u - 15u * (group & 1u));
  //: else
  return BYTE_TO_TOP;
  //: end
}

// Quad i of a chunk, without the scale.
fn unpack_quad(chunk: vec4<u32>, i: u32, factors: vec4<u32>) -> vec4<f32> {
  //: if F32
  return bitcast<vec4<f32>>(chunk);
  //: end
  //: if F16
  return vec4<f32>(unpack2x16float(chunk[2u * i]), unpack2x16float(chunk[2u * i + 1u]));
  //: end
  //: if BF16
  let pair = vec2<u32>(chunk[2u * i], chunk[2u * i + 1u]);
  return bitcast<vec4<f32>>(vec4<u32>(pair.x << 16u, pair.x & 0xffff0000u, pair.y << 16u, pair.y & 0xffff0000u));
  //: end
  //: if Q8
  return vec4<f32>(bitcast<vec4<i32>>((vec4<u32>(chunk[i]) * factors) & vec4<u32>(0xff000000u)));
  //: end
  //: if Q4
  return vec4<f32>(bitcast<vec4<i32>>((vec4<u32>(chunk[i]) * factors) & vec4<u32>(0xf0000000u)));
  //: end
}

// The scales of two blocks, four groups, from their word; and that of a group.
fn scales_of(pair: u32) -> vec2<f32> { return unpack2x16float(pair) * select(UNDO_Q8, UNDO_Q4, Q4); }
fn scale_of(both: vec2<f32>, group: u32) -> f32 { return select(both.x, both.y, (group & 2u) != 0u); }
