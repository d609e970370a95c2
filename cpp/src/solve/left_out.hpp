// Features that a lasso path is followed without, for as long as none of them would enter.
#pragma once

#include <vector>

#include "base/block.hpp"

namespace overprune {

/// A feature j that is left out has coefficient 0 for as long as |x_j'r| / n is at most the
/// penalty, r the residual. That is asked at the kinks: between two of them x_j'r is linear. Few
/// features have to be looked at there, since |x_j'(r - q)| / n <= |x_j| |r - q| / n.
class LeftOut {
 public:
  /// @param x          (n, k) in memory
  /// @param variances  (k) the squared lengths of columns over n
  /// @param size       |y| / sqrt(n), by which rounding is measured
  void start(ConstBlock x, const std::vector<double>& variances, double size);
  /// Chooses who is left out of the model with a residual (n): all but the features in `chosen`,
  /// to which those of the largest |x_j'r| are added up to a number of `live` ones.
  void choose(const double* residual, Index live, Indices& chosen);
  /// Adds to `entering` the features that should have entered by now.
  /// @param residual  (n) at the kink that follows the last call
  /// @return whether there is none
  bool hold(const double* residual, double penalty, Indices& entering);

 private:
  void move_to(const double* residual);

  ConstBlock x_;
  double size_ = 0.0, moved_ = 0.0;  // how far the residual went since `choose`, over sqrt(n)
  std::vector<double> length_;       // (k) of columns over sqrt(n)
  std::vector<double> nearest_;      // (k) |x_j'r| / n - length_j moved_ at the last look
  std::vector<double> last_;         // (n) residual
  std::vector<double> gradient_;     // (k)
  Indices order_;
  Buffer columns_;
};

}  // namespace overprune
