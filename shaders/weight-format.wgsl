// How one 16-byte word group of a quantised row becomes numbers. Layout: packages/weights/src/row-packing.ts.
// A block is 32 columns; it spans CHUNKS groups, each of QUADS quads of four columns in ascending order.
const FORMAT = 0u; // 0 f32, 1 f16, 2 bf16, 3 q8_0, 4 q4_0
const CHUNKS = 8u; // 8, 4, 4, 2, 1
const QUADS = 1u;  // 1, 2, 2, 4, 8
const BLOCK_QUADS = 8u;

const BYTE_SHIFTS = vec4<u32>(0u, 8u, 16u, 24u);

// Columns 4i .. 4i + 3 of the chunk, without the block's scale.
fn unpack_quad(chunk: vec4<u32>, i: u32) -> vec4<f32> {
  if (FORMAT == 0u) { return bitcast<vec4<f32>>(chunk); }
  if (FORMAT == 1u) {
    return vec4<f32>(unpack2x16float(chunk[2u * i]), unpack2x16float(chunk[2u * i + 1u]));
  }
  if (FORMAT == 2u) {
    let pair = vec2<u32>(chunk[2u * i], chunk[2u * i + 1u]);
    return bitcast<vec4<f32>>(vec4<u32>(pair.x << 16u, pair.x & 0xffff0000u, pair.y << 16u, pair.y & 0xffff0000u));
  }
  if (FORMAT == 3u) {
    // Shift each byte to the top, then back down with its sign.
    return vec4<f32>(bitcast<vec4<i32>>(vec4<u32>(chunk[i]) << (24u - BYTE_SHIFTS)) >> vec4<u32>(24u));
  }
  let nibbles = (vec4<u32>(chunk[i & 3u]) >> (BYTE_SHIFTS + 4u * (i >> 2u))) & vec4<u32>(15u);
  return vec4<f32>(nibbles) - 8.0;
}
