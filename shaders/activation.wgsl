// What a gate makes of its value: SiLU, or GELU by its tanh form (Hendrycks and Gimpel, 1606.08415).
const GELU = false;

fn activation(g: f32) -> f32 {
  //: if GELU
  let near = clamp(g, -20.0, 20.0); // beyond it the sigmoid is 0 or 1, and the cube might overflow
  return 0.5 * g * (1.0 + tanh_of(0.7978845608 * fma(0.044715 * near * near, near, near)));
  //: else
  return silu(g);
  //: end
}
