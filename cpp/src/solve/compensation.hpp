// Compensated pruning: what the survivors become when the deleted coefficients are projected onto
// them.
#pragma once

#include "base/block.hpp"

namespace overprune {

/// Compensates one trained model on nested supports, with the memory it needs kept between calls.
/// One Cholesky factor of the sorted covariance serves every s: leading blocks. Not for two threads
/// at once.
class Compensator {
 public:
  /// @param covariance  (p, p), column-major
  /// @param theta       (k, m) the trained model, on the first k features
  /// @param order       the features by falling score, at least nonzeros.back() of them
  /// @param nonzeros    (S) strictly increasing
  /// @param out         (nonzeros.back(), S m): column i m + t receives s number i, target t,
  /// zero-padded; rows
  ///                    in that order
  void solve(ConstMatrix covariance, ConstBlock theta, const Indices& order,
             const Indices& nonzeros, Block out);

 private:
  Buffer factor_, image_, forward_;
};

}  // namespace overprune
