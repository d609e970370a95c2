// The inner product of two vectors.
#pragma once

#include "overprune/types.hpp"

namespace overprune {

/// a'b of two vectors (n), in four sums at once for the latency's sake.
inline double inner(Index n, const double* a, const double* b) {
  double sum[4] = {};
  Index i = 0;
  for (; i + 4 <= n; i += 4)
    for (int l = 0; l < 4; ++l) sum[l] += a[i + l] * b[i + l];
  for (; i < n; ++i) sum[0] += a[i] * b[i];
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

}  // namespace overprune
