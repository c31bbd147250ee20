// logits[sample, token] of a draft model of another vocabulary, by the target's ids: the draft's own logit of the token's
// twin. What has none is never drawn, so the draft guesses only what both have (Timor et al., 2502.05202: token-level
// intersection); all that comes after, noise included, sees the target's ids alone.
// SPAN tokens of one sample per workgroup.
@group(0) @binding(1) var<storage, read> own: array<f32>;            // [samples, own stride]
@group(0) @binding(2) var<storage, read> twins: array<u32>;          // [vocab]
@group(0) @binding(3) var<storage, read_write> logits: array<f32>;   // [samples, stride]
@group(0) @binding(4) var<uniform> shape: vec4<u32>;                 // vocab, stride, own stride

const WORKGROUP = 256u;
const SPAN = 4096u;
const UNDRAWN = -1e30; // divided by the coldest temperature it is still finite

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let end = min((group.y + 1u) * SPAN, shape.x);
  for (var token = group.y * SPAN + local.x; token < end; token += WORKGROUP) {
    let twin = twins[token];
    var logit = UNDRAWN;
    if (twin < NO_TWIN) { logit = own[group.x * shape.z + twin]; }
    logits[group.x * shape.y + token] = logit;
  }
}
