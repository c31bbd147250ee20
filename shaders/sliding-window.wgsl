// Sliding-window attention: a row sees the last WINDOW positions, its own among them.    (Beltagy et al., 2004.05150)
// A split that a row does not see leaves no bit behind when it is folded: it may as well be left out.
const WINDOW = 0u; // 0: a row sees all positions up to its own

fn in_window(position: u32, row_position: u32) -> bool {
  //: if WINDOW
  return position + WINDOW > row_position;
  //: else
  return true;
  //: end
}

// The first split that a row sees.
fn first_split(position: u32) -> u32 {
  //: if WINDOW
  return (max(position + 1u, WINDOW) - WINDOW) / BLOCK;
  //: else
  return 0u;
  //: end
}
