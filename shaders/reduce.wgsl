// Reductions over a workgroup: one value per thread in, one result for all of them out.
const WORKGROUP = 256u;
const LOWEST = -3.0e38;  // WGSL has no infinity to rely on

var<workgroup> best_value: array<f32, WORKGROUP>;
var<workgroup> best_token: array<u32, WORKGROUP>;

struct Best { value: f32, token: u32 }

// The order of tokens by logit: the lowest id wins ties.
fn is_above(a: Best, b: Best) -> bool {
  return a.value > b.value || (a.value == b.value && a.token < b.token);
}

fn reduce_best(mine: Best, t: u32) -> Best {
  best_value[t] = mine.value;
  best_token[t] = mine.token;
  workgroupBarrier();
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    if (t < half) {
      let other = Best(best_value[t + half], best_token[t + half]);
      if (is_above(other, Best(best_value[t], best_token[t]))) {
        best_value[t] = other.value;
        best_token[t] = other.token;
      }
    }
    workgroupBarrier();
  }
  let result = Best(best_value[0], best_token[0]);
  workgroupBarrier();
  return result;
}

fn reduce_sum(mine: f32, t: u32) -> f32 {
  best_value[t] = mine;
  workgroupBarrier();
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    if (t < half) { best_value[t] += best_value[t + half]; }
    workgroupBarrier();
  }
  return workgroupUniformLoad(&best_value[0]); // control flow may depend on it
}
