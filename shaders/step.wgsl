// The data of one pass: written by the CPU once per step, read by every kernel.
// Layout: engine/src/step-data.ts. Offsets inside the section are relative to its start.
@group(0) @binding(0) var<storage, read> step: array<u32>;

const NUM_ROWS = 0u;
const NUM_SAMPLES = 1u;
const NUM_VERDICTS = 2u;
const ROWS_AT = 3u;
const SAMPLES_AT = 4u;
const VERDICTS_AT = 5u;

// A row: one query position of one sequence.
const ROW_WORDS = 4u;
struct Row { sequence: u32, position: u32, slot: u32 }

fn row_at(row: u32) -> Row {
  let at = step[ROWS_AT] + row * ROW_WORDS;
  return Row(step[at], step[at + 1u], step[at + 2u]);
}
