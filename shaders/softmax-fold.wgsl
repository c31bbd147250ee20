// How the splits of a softmax become one, in ascending order: the same arithmetic wherever it is done.
const LOWEST = -1.0e38; // WGSL has no infinity to rely on

// A split's result between kernels: its greatest score, its sum of weights, 0, 0, then its sum of weighted values.
const PART_HEAD = 4u;

struct Fold { top: f32, keep: f32, add: f32 }

// The greatest score of all so far, and what scales the sums so far and those of the split.
fn fold(top: f32, split_top: f32) -> Fold {
  let new_top = max(top, split_top);
  return Fold(new_top, exp(top - new_top), exp(split_top - new_top));
}
