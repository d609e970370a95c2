// How large a product's blocks are, from the caches of this processor. Found once a process.
// Compiled at the baseline; no inline function here: see table.hpp.
#pragma once

#include "kernels/table.hpp"

namespace overprune::kernels {

/// Bytes of data that one core may count on.
struct Caches {
  Size first;   ///< nearest cache
  Size second;  ///< the core's own second cache
  Size last;    ///< last cache, all of it, which cores share
};

/// This processor's, or usual sizes where the system does not tell.
const Caches& caches();

/// Blocks of op(A) (rows, kDepth) and op(B) (kDepth, columns) that a product packs at a time.
struct Blocks {
  Size rows;
  Size columns;
};

/// The blocks of a product of numbers of so many bytes.
Blocks product_blocks(Size bytes);

}  // namespace overprune::kernels
