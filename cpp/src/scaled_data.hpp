// Checked, column-major copies of a caller's X and y, scaled so that squares neither overflow nor underflow.
#pragma once

#include "block.hpp"

namespace overprune {

/// A power of two that brings the largest entry near one, where squares might overflow or underflow; else 1.
double safe_scale(ConstMatrix values);

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
  double unscaled(double coefficient) const { return coefficient * unscale_ * unscale_rest_; }

 private:
  Buffer design_buffer_, response_buffer_;
  double x_scale_ = 1.0, unscale_ = 1.0, unscale_rest_ = 1.0;

 public:
  Block design, response;
};

}  // namespace overprune
