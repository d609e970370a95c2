#include "problem/scaled_data.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "base/check.hpp"
#include "base/team.hpp"

namespace overprune {

namespace {

/// (values.cols) the largest absolute value of every column, found in the order of memory.
std::vector<double> largest_of_columns(ConstMatrix values) {
  std::vector<double> largest(values.cols, 0.0);
  const auto take = [&](Index i, Index j) {
    largest[j] = std::max(largest[j], std::abs(values(i, j)));
  };
  const double work = kTouch * static_cast<double>(values.rows) * static_cast<double>(values.cols);
  share_out(values.cols, 8, work, [&](Index begin, Index end) {
    if (values.col_stride == 1)
      for (Index i = 0; i < values.rows; ++i)
        for (Index j = begin; j < end; ++j) take(i, j);
    else
      for (Index j = begin; j < end; ++j)
        for (Index i = 0; i < values.rows; ++i) take(i, j);
  });
  return largest;
}

double largest_of(const std::vector<double>& columns) {
  return columns.empty() ? 0.0 : *std::max_element(columns.begin(), columns.end());
}

double scale_for(double largest) {
  if (largest == 0.0 || (largest > 1e-100 && largest < 1e100)) return 1.0;
  return std::exp2(-std::clamp(std::ilogb(largest), -1000, 1000));
}

/// Whether a number other than zero keeps all of its digits when it is scaled.
bool keeps_digits(double value, double scale) {
  constexpr double least =
      std::numeric_limits<double>::min() / std::numeric_limits<double>::epsilon();
  return value == 0.0 || value * scale >= least;
}

}  // namespace

double safe_scale(ConstBlock values) {
  double largest = 0.0;
  for (Index j = 0; j < values.cols; ++j)
    for (Index i = 0; i < values.rows; ++i) largest = std::max(largest, std::abs(values(i, j)));
  return scale_for(largest);
}

std::vector<double> scale_columns(Block values) {
  std::vector<double> scales(values.cols);
  for (Index j = 0; j < values.cols; ++j) {
    scales[j] = safe_scale(values.columns(j, 1));
    if (scales[j] == 1.0) continue;
    for (Index i = 0; i < values.rows; ++i) values(i, j) *= scales[j];
  }
  return scales;
}

ScaledData::ScaledData(ConstMatrix x, ConstMatrix y, double ridge)
    : ScaledData(x, y, ridge, ridge) {}

ScaledData::ScaledData(ConstMatrix x, ConstMatrix y, double ridge, double larger) {
  check::view("X", x);
  check::view("y", y);
  check::at_least("X (rows)", x.rows, 1);
  check::at_least("X (columns)", x.cols, 1);
  check::at_least("y (targets)", y.cols, 1);
  check::same("y", x.rows, y.rows);
  check::nonnegative("ridge", ridge);
  check::nonnegative("ridge", larger);
  check::finite("X", x);
  check::finite("y", y);
  const std::vector<double> columns = largest_of_columns(x);
  x_scale_ = scale_for(std::max(largest_of(columns), std::sqrt(ridge)));
  constexpr double most = 1e145,
                   least = 1e-10;  // beyond, squares overflow or a solution underflows
  if (const double own = std::sqrt(larger) * x_scale_; own > most) {
    const double down = std::exp2(-std::ceil(std::log2(own / most)));
    if (down < least) check::unsolved();
    x_scale_ *= down;
  }
  const auto kept = [this](double value) { return keeps_digits(value, x_scale_); };
  const double square = x_scale_ * x_scale_;
  if (!std::all_of(columns.begin(), columns.end(), kept) || !keeps_digits(ridge, square) ||
      !keeps_digits(larger, square)) {
    x_scale_ = 1.0;  // the solvers see for themselves what leaves double's range
    if (!(larger * static_cast<double>(x.rows) < std::numeric_limits<double>::max()))
      check::unsolved();
  }
  if (x_scale_ == 1.0 && x.row_stride == 1 && x.col_stride >= x.rows) {
    design = {x.data, x.rows, x.cols, x.col_stride};
  } else {
    const Block scaled = design_buffer_.block(x.rows, x.cols);
    copy_strided(x, x_scale_, scaled);
    design = scaled;
  }
  response = response_buffer_.block(y.rows, y.cols);
  copy_strided(y, 1.0, response);
  y_scales_ = scale_columns(response);
  for (const double scale : y_scales_) {
    // In two factors: their product may overflow where theta does not, and 0 times infinity is NaN.
    const int exponent = std::ilogb(x_scale_) - std::ilogb(scale);
    unscale_.push_back(std::exp2(exponent / 2));
    unscale_rest_.push_back(std::exp2(exponent - exponent / 2));
  }
}

void ScaledData::unscale(ConstBlock solutions, const Indices& sizes, const Index* order,
                         double* theta) const {
  const Index p = design.cols, m = response.cols, count = static_cast<Index>(sizes.size());
  std::fill_n(theta, count * p * m, 0.0);
  for (Index k = 0; k < count; ++k)
    for (Index t = 0; t < m; ++t)
      for (Index i = 0; i < sizes[k]; ++i)
        theta[(k * p + (order ? order[i] : i)) * m + t] = unscaled(solutions(i, k * m + t), t);
  check::solved(std::span(theta, static_cast<std::size_t>(count * p * m)));
}

std::vector<double> ScaledData::target_units() const {
  const auto [least, most] = std::minmax_element(y_scales_.begin(), y_scales_.end());
  if (*least == *most) return {};
  const int middle = (std::ilogb(*least) + std::ilogb(*most)) / 2;
  std::vector<double> units;
  for (const double scale : y_scales_) units.push_back(std::exp2(middle - std::ilogb(scale)));
  return units;
}

std::vector<double> ScaledData::response_units() const {
  std::vector<double> units;
  for (const double scale : y_scales_) units.push_back(1.0 / scale);
  return units;
}

}  // namespace overprune
