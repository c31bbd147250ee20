// Multiplies and adds, as fast as the device can, and reads nothing: the yardstick for the kernels that fill prompts.
// The sum is written only where it has one value of 2^32, which no compiler can rule out.
@group(0) @binding(0) var<storage, read> factors: array<f32>;  // two that no compiler knows
@group(0) @binding(1) var<storage, read_write> result: array<f32>;

const WORKGROUP = 256u;
const CHAINS = 8u;           // of fma per thread, independent of one another
const ROUNDS = 256u;
const UNROLLED = 8u;         // fma of each chain in a round

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let a = factors[0];
  let b = factors[1];
  //: for i in CHAINS
  var chain_$i = f32(id.x + $iu);
  //: end
  for (var round = 0u; round < ROUNDS; round++) {
    //: for u in UNROLLED
    //: for i in CHAINS
    chain_$i = fma(chain_$i, a, b);
    //: end
    //: end
  }
  var sum = 0.0;
  //: for i in CHAINS
  sum += chain_$i;
  //: end
  if (bitcast<u32>(sum) == 0x9e3779b9u) { result[0] = sum; }
}
