// Checked, column-major copies of a caller's X and y, scaled so that squares neither overflow nor underflow.
#pragma once

#include "block.hpp"

namespace overprune {

class ScaledData {
 public:
  /// @param x      (n, p)
  /// @param y      (n, m)
  /// @param ridge  the largest ridge that the problem will be solved with
  /// @throws std::invalid_argument for empty, mismatched or non-finite input or a negative ridge
  ScaledData(ConstMatrix x, ConstMatrix y, double ridge);

  /// The scaled problem's ridge for one of the caller's.
  double ridge(double value) const { return value * x_scale_ * x_scale_; }

 private:
  Buffer design_buffer_, response_buffer_;
  double x_scale_ = 1.0;

 public:
  Block design, response;
  double unscale = 1.0;  ///< theta of the caller's problem over theta of the scaled one
};

}  // namespace overprune
