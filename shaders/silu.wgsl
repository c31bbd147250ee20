fn silu(g: f32) -> f32 { return g / (1.0 + exp(min(-g, 80.0))); } // WGSL has no infinity to rely on
