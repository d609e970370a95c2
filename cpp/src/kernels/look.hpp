// Where long work may be interrupted. No inline function here: see table.hpp.
#pragma once

namespace overprune {

/// Calls this thread's poll (see Interruptible), which may throw. Kernels and loops over large
/// arrays do so after every few million operations.
void look();

}  // namespace overprune
