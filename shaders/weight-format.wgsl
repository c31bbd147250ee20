// How a 16-byte chunk of a packed row becomes numbers. Layout: packages/weights/src/row-packing.ts.
// Columns are taken in groups of 16: GROUP_CHUNKS chunks of QUADS quads of four columns in ascending order. A chunk of
// nibbles holds two groups, the second in the high ones.
// Shifts and masks, not / and %: a division by a constant is one, lane by lane, where nobody optimises it away.
// INTEGER: the numbers stay int8, for products with those of quantise.wgsl, and all scaling is of a group's sum.
alias Quad = vec4<f32>;   // INTEGER: u32, four int8
const INTEGER = false;
const F32 = true;
const F16 = false;
const BF16 = false;
const Q8 = false;
const NIBBLES = false;    // q4_0, and the low bits where AFFINE
const GROUP_CHUNKS = 4u;  // 4, 2, 2, 1, 1
const QUADS = 1u;         // 1, 2, 2, 4, 4
const EVEN = false;       // groups are taken two or four at once
const WORDS = false;      // scales of 64 columns are one word: q8_0, q4_0
const QUANTISED = false;  // a group's sum is scaled, not its weights: q8_0, q4_0, and where INTEGER
const AFFINE = false;     // each weight is scale * number + minimum
const OWN_PAIR = false;   // where these two are from: q4_1, q5_1
const OWN_SCALE = false;  // q5_0
const SHARED_PAIR = false;   // q4_k, q5_k
const SHARED_SCALE = false;  // q6_k
const HIGH_BITS = 0u;     // of a number, beside its low four
const SCALE_WORDS = 1u;   // of 64 columns, in `scales`
const SIDE_WORDS = 1u;    // those, and the words of their high bits
const ROW_TILE = 16u;     // rows that are interleaved
const ROW_BITS = 4u;

// A signed number of 8 or 4 bits is moved to the top of its word, and stays there as a float: a multiplication and no
// shifts, which SwiftShader does lane by lane. The scale takes the power of two back, exactly.
const BYTE_TO_TOP = vec4<u32>(0x1000000u, 0x10000u, 0x100u, 1u);
//: if INTEGER
const UNDO_Q8 = 1.0;
const UNDO_Q4 = 0.0625;                 // to the top of a byte
//: else
const UNDO_Q8 = 5.9604644775390625e-8;  // 2^-24
const UNDO_Q4 = 3.725290298461914e-9;   // 2^-28
//: end

// Where row `row` has its first chunk, and its first word of scales; `groups` is the row's number of columns / 16. The
// next one follows ROW_TILE further on.
fn first_chunk(row: u32, groups: u32) -> u32 {
  //: if NIBBLES
  let chunks = groups >> 1u;
  //: else
  let chunks = groups * GROUP_CHUNKS;
  //: end
  return (row >> ROW_BITS) * chunks * ROW_TILE + (row & (ROW_TILE - 1u));
}
fn first_scale(row: u32, groups: u32) -> u32 {
  return (row >> ROW_BITS) * (groups >> 2u) * SIDE_WORDS * ROW_TILE + (row & (ROW_TILE - 1u));
}

// From there to chunk j of the group that comes `ahead` groups after this one, and to the first word of the scales of
// this one's 64 columns. Where something is ahead, this group is the first of its 32 or 64 columns.
fn chunk_at(group: u32, ahead: u32, j: u32) -> u32 {
  //: if NIBBLES
  return ((group >> 1u) + (ahead >> 1u)) * ROW_TILE;
  //: else
  return ((group + ahead) * GROUP_CHUNKS + j) * ROW_TILE;
  //: end
}
fn scale_at(group: u32) -> u32 { return (group >> 2u) * SIDE_WORDS * ROW_TILE; }

// What moves a group's numbers to the top of their words. The same for all groups but those of nibbles.
fn factors_of(group: u32, ahead: u32) -> vec4<u32> {
  //: if NIBBLES
  //: if EVEN
  return BYTE_TO_TOP * (16u - 15u * (ahead & 1u));
  //: else
  return BYTE_TO_TOP * (16u - 15u * ((group + ahead) & 1u));
  //: end
  //: else
  return BYTE_TO_TOP;
  //: end
}

// Quad i of a chunk, without the scale.
fn unpack_quad(chunk: vec4<u32>, i: u32, factors: vec4<u32>) -> Quad {
  //: if INTEGER
  return select(chunk[i], (chunk[i] * factors.w) & 0xf0f0f0f0u, NIBBLES);
  //: else
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
  //: if NIBBLES
  return vec4<f32>(bitcast<vec4<i32>>((vec4<u32>(chunk[i]) * factors) & vec4<u32>(0xf0000000u)));
  //: end
  //: end
}

// The scales of two blocks, four groups, from their word; and that of a group.
fn scales_of(pair: u32) -> vec2<f32> { return unpack2x16float(pair) * select(UNDO_Q8, UNDO_Q4, NIBBLES); }
fn scale_of(both: vec2<f32>, group: u32) -> f32 { return select(both.x, both.y, (group & 2u) != 0u); }

//: if AFFINE
// What a group's weights have in common besides their chunk; `at` is where the words of its 64 columns begin.
struct Line {
  scale: vec4<f32>,  // of a number that stands in byte 0, 1, 2, 3 of its word
  minimum: f32,
  high: u32,         // HIGH_BITS of each quad's numbers, quad after quad, in the byte of the number
  shift: u32,        // of the chunk: which nibbles
}

const BYTES = vec4<u32>(0xffu, 0xff00u, 0xff0000u, 0xff000000u);
const FROM_BYTES = vec4<f32>(1.0, 0.00390625, 1.52587890625e-5, 5.9604644775390625e-8);

fn line_of(at: u32, group: u32) -> Line {
  let half = (group >> 1u) & 1u;
  let word = scales[at];
  //: if OWN_PAIR
  let pair = unpack2x16float(scales[at + half * ROW_TILE]);
  //: end
  //: if OWN_SCALE
  let pair = scale_of(unpack2x16float(word), group) * vec2<f32>(1.0, -16.0);
  //: end
  //: if SHARED_PAIR
  let own = scales[at + ROW_TILE] >> (16u * half);
  let pair = unpack2x16float(word) * vec2<f32>(f32(own & 0xffu), -f32((own >> 8u) & 0xffu));
  //: end
  //: if SHARED_SCALE
  let own = f32(bitcast<i32>(scales[at + ROW_TILE] << (24u - 8u * (group & 3u))) >> 24u);
  let pair = bitcast<f32>(word) * own * vec2<f32>(1.0, -32.0);
  //: end
  let bit = (group & 3u) * 4u * HIGH_BITS;
  //: if HIGH_BITS
  let high = scales[at + (SCALE_WORDS + (bit >> 3u)) * ROW_TILE] >> (bit & 7u);
  //: else
  const high = 0u;
  //: end
  return Line(pair.x * FROM_BYTES, pair.y, high, 4u * (group & 1u));
}

// Quad i of a chunk. The product is exact, so it is the same whether fma rounds it or not: the value is GGML's.
fn affine_quad(chunk: vec4<u32>, i: u32, line: Line) -> Quad {
  var numbers = (chunk[i] >> line.shift) & 0x0f0f0f0fu;
  //: if HIGH_BITS
  numbers |= ((line.high >> (HIGH_BITS * i)) & (((1u << HIGH_BITS) - 1u) * 0x01010101u)) << 4u;
  //: end
  //: if INTEGER
  return numbers;
  //: else
  return fma(vec4<f32>(bitcast<vec4<i32>>(vec4<u32>(numbers) & BYTES)), line.scale, vec4<f32>(line.minimum));
  //: end
}
//: end
