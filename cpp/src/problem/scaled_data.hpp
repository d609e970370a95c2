// A caller's X and y, checked and column-major. Powers of two scale them, so that squares neither
// overflow nor underflow and no digit is lost.
#pragma once

#include <vector>

#include "base/block.hpp"

namespace overprune {

/// A power of two that brings the largest entry near one, where squares might overflow or
/// underflow; else 1.
double safe_scale(ConstBlock values);
/// Multiplies each column, the numbers of one target, by its own `safe_scale`.
/// @return (values.cols) the factors
std::vector<double> scale_columns(Block values);

class ScaledData {
 public:
  /// @param x      (n, p)
  /// @param y      (n, m)
  /// @param ridge  that the problem will be solved with
  /// @throws std::invalid_argument for empty, mismatched or non-finite input or a negative ridge
  ScaledData(ConstMatrix x, ConstMatrix y, double ridge);
  /// @param ridge   the smallest that the problem will be solved with
  /// @param larger  the largest
  /// @throws std::invalid_argument likewise, and where no scale suits X and both ridges
  ScaledData(ConstMatrix x, ConstMatrix y, double ridge, double larger);

  /// The scaled problem's ridge for one of the caller's.
  double ridge(double value) const { return value * x_scale_ * x_scale_; }
  /// A coefficient of the caller's problem for one of the scaled one; infinite where it overflows.
  double unscaled(double coefficient, Index target) const {
    return coefficient * unscale_[target] * unscale_rest_[target];
  }
  /// The caller's coefficients of a path of models.
  /// @param solutions  (most, sizes.size() * m) of the scaled problem, m columns a size
  /// @param order      which feature each coefficient is of; null: the first ones
  /// @param theta      (sizes.size(), p, m), C order, p being the features of X
  /// @throws std::invalid_argument where a coefficient overflows
  void unscale(ConstBlock solutions, const Indices& sizes, const Index* order, double* theta) const;
  /// The scaled problem's l1 penalty for one of the caller's, and back, where there is one target.
  double penalty(double value) const { return value * x_scale_ * y_scales_[0]; }
  double unscaled_penalty(double value) const { return value / x_scale_ / y_scales_[0]; }
  /// (m) what the scaled coefficients of each target count in beside those of the others; empty
  /// where all count alike.
  std::vector<double> target_units() const;
  /// (m) the caller's y of each target for a scaled one of 1.
  std::vector<double> response_units() const;

 private:
  Buffer design_buffer_, response_buffer_;
  double x_scale_ = 1.0;
  std::vector<double> y_scales_, unscale_, unscale_rest_;  // (m)

 public:
  ConstBlock design;  ///< (n, p) the caller's own X where that will do, which is to stay
  Block response;     ///< (n, m)
};

}  // namespace overprune
