#include "scaled_data.hpp"

#include <algorithm>
#include <cmath>

#include "check.hpp"

namespace overprune {

double safe_scale(ConstMatrix values, double least) {
  double largest = least;
  for (Index j = 0; j < values.cols; ++j)
    for (Index i = 0; i < values.rows; ++i) largest = std::max(largest, std::abs(values(i, j)));
  if (largest == 0.0 || (largest > 1e-100 && largest < 1e100)) return 1.0;
  return std::exp2(-std::clamp(std::ilogb(largest), -1000, 1000));
}

ScaledData::ScaledData(ConstMatrix x, ConstMatrix y, double ridge) : ScaledData(x, y, ridge, ridge) {}

ScaledData::ScaledData(ConstMatrix x, ConstMatrix y, double ridge, double larger) {
  check::at_least("X (rows)", x.rows, 1);
  check::at_least("X (columns)", x.cols, 1);
  check::at_least("y (targets)", y.cols, 1);
  check::same("y", x.rows, y.rows);
  check::nonnegative("ridge", ridge);
  check::nonnegative("ridge", larger);
  check::finite("X", x);
  check::finite("y", y);
  x_scale_ = safe_scale(x, std::sqrt(ridge));
  constexpr double most = 1e145, least = 1e-10;  // beyond, squares overflow or a solution underflows
  if (const double own = std::sqrt(larger) * x_scale_; own > most) {
    const double down = std::exp2(-std::ceil(std::log2(own / most)));
    if (down < least) check::unsolved();
    x_scale_ *= down;
  }
  const double y_scale = safe_scale(y, 0.0);
  design = design_buffer_.block(x.rows, x.cols);
  response = response_buffer_.block(y.rows, y.cols);
  copy_strided(x, x_scale_, design);
  copy_strided(y, y_scale, response);
  // In two factors: their product may overflow where theta does not, and 0 times infinity is NaN.
  const int exponent = std::ilogb(x_scale_) - std::ilogb(y_scale);
  unscale_ = std::exp2(exponent / 2);
  unscale_rest_ = std::exp2(exponent - exponent / 2);
}

}  // namespace overprune
