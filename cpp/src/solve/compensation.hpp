// Compensated pruning (optimal brain surgeon): the survivors S make up for the deleted coefficients
// D, theta_S + Sigma_SS^{-1} Sigma_SD theta_D.
#pragma once

#include "base/block.hpp"
#include "base/memory_need.hpp"

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
  /// Adds what `solve` holds for theta (k, m) and the largest number of nonzeros.
  static void need(Index k, Index m, Index most, MemoryNeed& need) {
    need.hold(most * most + k * m + most * m);
  }

 private:
  Buffer factor_, image_, forward_;
};

}  // namespace overprune
