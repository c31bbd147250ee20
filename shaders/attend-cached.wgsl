// For attend.wgsl: rows whose keys and values rope-append.wgsl has put into the cache.
@group(0) @binding(1) var<storage, read> qkv: array<Q_WORD>;         // [rows, q heads | k heads | v heads]
@group(0) @binding(2) var<storage, read> kv: array<vec4<u32>>;       // rope.wgsl

fn append_row(at: u32, kv_head: u32, t: u32) {}
