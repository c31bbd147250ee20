// What attend.wgsl works on: bindings, parameters, the threads' shared memory, and who sees what. Before it stands
// attend-cached.wgsl or attend-append.wgsl.
@group(0) @binding(3) var<storage, read> blocks: array<u32>;       // [sequences, BLOCKS_PER_SEQUENCE]
@group(0) @binding(4) var<storage, read_write> out: array<f32>;    // [split, row, head, part]; WALK: [rows, stride]
@group(0) @binding(5) var<uniform> shape: vec4<u32>;               // kv_heads, strides of qkv and out, 1/sqrt(head_dim)

const KV_F16 = false;
const HEAD_DIM = 64u;
const CHUNKS = 16u;               // 16-byte chunks per head of K or V: 8 f16 or 4 f32 each
const QUADS = 1u;                 // quads of dimensions per chunk
const Q_QUADS = true;             // HEAD_DIM is a multiple of 4
alias Q_WORD = vec4<f32>;         // f32 if not Q_QUADS
const GROUP = 1u;                 // query heads per KV head
const BLOCKS_PER_SEQUENCE = 8u;
const BLOCK = 64u;                // slots per KV block, positions per split
const WALK = false;
const TREE = false;               // rows may have masks
const SCORE_CAP = 0;              // of soft_cap; 0: scores are taken as they are
const SPAN = 64u;                 // slots of a split: with TREE its positions reach 32 further

// How the work is spread: a thread takes so many rows and heads, for POSITIONS positions or one chunk of dimensions.
const ROWS = 1u;                  // of a tile, at most
const HEADS = 1u;                 // per workgroup
const POSITIONS = 8u;
const SCORE_ROWS = 1u;            // divides ROWS, as VALUE_ROWS does
const SCORE_HEADS = 1u;           // divides HEADS, as VALUE_HEADS does
const VALUE_ROWS = 1u;
const VALUE_HEADS = 1u;
const UNROLLED = 4u;              // positions per round over the values; divides 4 * POSITIONS
const WORKGROUP = 16u;            // at least ROWS * HEADS
const IN_STORAGE = true;          // where workgroup memory is slow: SwiftShader clears all of it in every thread

const QUERIES = ROWS * HEADS;
const SLICES = (GROUP + HEADS - 1u) / HEADS;
const STEP = 4u;                  // neighbouring threads read neighbouring positions, in runs of so many
const POSITION_THREADS = SPAN / POSITIONS;
const SCORE_SLICES = HEADS / SCORE_HEADS;
const VALUE_SLICES = HEADS / VALUE_HEADS;
const PLANE = BLOCK * CHUNKS;     // K or V of one head in one block
const PART = PART_HEAD + CHUNKS * QUADS * 4u;

// What a workgroup's threads tell one another: the weights, each thread's greatest scores, the split's.
const WEIGHTS = QUERIES * SPAN;
const THREAD_TOPS = QUERIES * POSITION_THREADS;
const MEMORY = WEIGHTS + THREAD_TOPS + QUERIES;
//: if IN_STORAGE
@group(0) @binding(6) var<storage, read_write> memory: array<f32>;     // [split, tile, KV head, slice, MEMORY]
//: else
var<workgroup> memory: array<f32, MEMORY>;
//: end

fn barrier() {
  //: if IN_STORAGE
  storageBarrier();
  //: else
  workgroupBarrier();
  //: end
}

// Where this workgroup's memory begins. With WALK there is one split of workgroups.
fn memory_at(group: vec3<u32>) -> u32 {
  //: if IN_STORAGE
  return ((group.y * step[NUM_TILES] + group.z) * shape.x * SLICES + group.x) * MEMORY;
  //: else
  return 0u;
  //: end
}

// The greatest score of a query. Threads stand by ascending position: those beyond the length have none.
fn top_of(at: u32, length: u32) -> f32 {
  let count = min((length + STEP * POSITIONS - 1u) / (STEP * POSITIONS) * STEP, POSITION_THREADS);
  var top = LOWEST;
  for (var i = 0u; i < count; i++) { top = max(top, memory[at + i]); }
  return top;
}

// K of a head in the block that stands at `place` of the table.
fn plane_at(place: u32, kv_head: u32) -> u32 { return (blocks[place] * 2u * shape.x + kv_head) * PLANE; }

//: if KV_F16
fn quad_0(chunk: vec4<u32>) -> vec4<f32> { return vec4<f32>(unpack2x16float(chunk.x), unpack2x16float(chunk.y)); }
fn quad_1(chunk: vec4<u32>) -> vec4<f32> { return vec4<f32>(unpack2x16float(chunk.z), unpack2x16float(chunk.w)); }
//: else
fn quad_0(chunk: vec4<u32>) -> vec4<f32> { return bitcast<vec4<f32>>(chunk); }
//: end

// The first split that any row of a tile sees.
fn first_split_of(tile: Tile) -> u32 {
  var first = first_split(row_at(tile.first).position);
  //: if WINDOW
  for (var r = 1u; r < tile.rows; r++) { first = min(first, first_split(row_at(tile.first + r).position)); }
  //: end
  return first;
}

// `&` where `&&` would be a branch per row and position: SwiftShader compiles some of those for minutes.
fn sees(row: Row, slot: u32, start: u32) -> bool {
  //: if TREE
  if (slot < row.base) { return (slot < start + BLOCK) & in_window(slot, row.position); }
  let node = slot - row.base;
  let position = row.base + countOneBits(row.mask & ((1u << (node & 31u)) - 1u));
  let is_own = node < 32u && ((row.mask >> (node & 31u)) & 1u) == 1u && position - start < BLOCK;
  return is_own & in_window(position, row.position);
  //: else
  return (slot <= row.position) & in_window(slot, row.position);
  //: end
}

fn capped(score: f32) -> f32 {
  //: if SCORE_CAP
  return soft_cap(score, SCORE_CAP);
  //: else
  return score;
  //: end
}

fn is_live(tile: Tile, row: u32, head: u32) -> bool { return row < tile.rows && head < GROUP; }

fn q_quad(at: u32) -> vec4<f32> {
  //: if Q_QUADS
  return qkv[at / 4u] * bitcast<f32>(shape.w);
  //: else
  return vec4<f32>(qkv[at], qkv[at + 1u], qkv[at + 2u], qkv[at + 3u]) * bitcast<f32>(shape.w);
  //: end
}

// A part has room for the padding of a head; the output has not.
const WHOLE = !WALK || HEAD_DIM % 8u == 0u;
fn store(at: u32, dim: u32, value: vec4<f32>) {
  if (WHOLE || dim < HEAD_DIM) { out[at + dim] = value.x; }
  if (WHOLE || dim + 1u < HEAD_DIM) { out[at + dim + 1u] = value.y; }
  if (WHOLE || dim + 2u < HEAD_DIM) { out[at + dim + 2u] = value.z; }
  if (WHOLE || dim + 3u < HEAD_DIM) { out[at + dim + 3u] = value.w; }
}
