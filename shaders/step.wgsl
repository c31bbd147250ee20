// The data of one pass: written by the CPU once per step, read by every kernel.
// Layout: engine/src/step-data.ts. Offsets inside the section are relative to its start.
@group(0) @binding(0) var<storage, read> step: array<u32>;

const NUM_ROWS = 0u;
const NUM_SAMPLES = 1u;
const NUM_VERDICTS = 2u;
const ROWS_AT = 3u;
const SAMPLES_AT = 4u;
const VERDICTS_AT = 5u;
const NUM_TILES = 6u;
const TILES_AT = 7u;

// A row: one query position of one sequence. It sees the slots below `base`, and slot base + j where bit j of `mask`
// is set: the nodes of a draft tree on the way to the row. A row of no tree has base = position + 1 and mask = 0.
const ROW_WORDS = 8u; // the seventh: the node that a tree's row follows
struct Row { sequence: u32, position: u32, slot: u32, token_at: u32, base: u32, mask: u32 }

fn row_at(row: u32) -> Row {
  let at = step[ROWS_AT] + row * ROW_WORDS;
  return Row(step[at], step[at + 1u], step[at + 2u], step[at + 3u], step[at + 4u], step[at + 5u]);
}

// A tile: neighbouring rows of one sequence that share each load of keys and values. Its rows see positions of so
// many splits and slots below `end`; from slot `nodes_from` on there may be nodes of a tree.
const TILE_WORDS = 5u;
struct Tile { first: u32, rows: u32, splits: u32, end: u32, nodes_from: u32 }

fn tile_at(tile: u32) -> Tile {
  let at = step[TILES_AT] + tile * TILE_WORDS;
  return Tile(step[at], step[at + 1u], step[at + 2u], step[at + 3u], step[at + 4u]);
}
