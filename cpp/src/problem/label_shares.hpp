// How often outputs tell labels right.
#pragma once

#include "base/block.hpp"

namespace overprune {

/// Rows whose largest output is the right class, as a share.
/// @param outputs, truth  (N, m); of equal outputs the first counts
inline double share_right(ConstBlock outputs, ConstBlock truth) {
  const auto largest = [](ConstBlock block, Index i) {
    Index best = 0;
    for (Index t = 1; t < block.cols; ++t)
      if (block(i, t) > block(i, best)) best = t;
    return best;
  };
  Index right = 0;
  for (Index i = 0; i < truth.rows; ++i) right += largest(outputs, i) == largest(truth, i);
  return static_cast<double>(right) / static_cast<double>(truth.rows);
}

/// Rows whose output has the other sign than the label, as a share; an output of 0 counts half.
/// @param outputs, truth  (N, 1)
inline double share_of_wrong_signs(ConstBlock outputs, ConstBlock truth) {
  double wrong = 0.0;
  for (Index i = 0; i < truth.rows; ++i) {
    const double margin = outputs(i, 0) * truth(i, 0);
    wrong += margin < 0.0 ? 1.0 : margin == 0.0 ? 0.5 : 0.0;
  }
  return wrong / static_cast<double>(truth.rows);
}

}  // namespace overprune
