// The tokens that top-k, top-p and min-p keep of a row of logits: those whose key is not below the least one kept.

// u32 keys in the order of the floats.
fn key_of(value: f32) -> u32 {
  let bits = bitcast<u32>(value);
  return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}

// exp((logit - top) / T), or nothing where the filters keep nothing.
fn weight_of(value: f32, at_least: u32, top: f32, temperature: f32) -> f32 {
  return select(0.0, exp((value - top) / temperature), key_of(value) >= at_least);
}
