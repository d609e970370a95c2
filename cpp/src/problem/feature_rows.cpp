#include "problem/feature_rows.hpp"

#include <cmath>

#include "base/check.hpp"
#include "kernels/table.hpp"

namespace overprune {
namespace {

constexpr double kNear = 0.9;  // correlations above it are taken from the difference of the rows

}  // namespace

FeatureRows::FeatureRows(ConstMatrix weights, ConstVector shifts, ConstVector teacher) {
  const Index p = weights.rows, d = weights.cols;
  rows_ = rows_buffer_.block(d, p);
  for (Index i = 0; i < p; ++i)
    for (Index j = 0; j < d; ++j) rows_(j, i) = weights(i, j);
  inner_ = inner_buffer_.block(p, p);
  fill(inner_, 0.0);
  kernels::active().gram(p, d, rows_.data, rows_.ld, inner_.data, inner_.ld);
  for (Index j = 0; j < d; ++j) {
    teacher_.push_back(teacher(j));
    teacher_norm = std::hypot(teacher_norm, teacher(j));
  }
  if (teacher_norm != 0.0 && !(teacher_norm > 1e-150 && teacher_norm < 1e150))
    check::fail("teacher must have a length of 0 or 1e-150 to 1e150, got ", teacher_norm);
  for (Index i = 0; i < p; ++i) {
    norm.push_back(std::sqrt(inner_(i, i)));
    bias.push_back(shifts.size > 0 ? shifts(i) : 0.0);
    double sum = 0.0;
    for (Index j = 0; j < d; ++j) sum += rows_(j, i) * teacher(j);
    along.push_back(sum);
    if (!(std::abs(bias[i]) < 1e150))
      check::fail("bias must be below 1e150, got ", bias[i], " at index ", i);
    if (norm[i] == 0.0) check::fail("weights must have no zero row, got one at index ", i);
    if (!(norm[i] > 1e-150 && norm[i] < 1e150))
      check::fail("weights must have rows of length 1e-150 to 1e150, got ", norm[i], " at index ",
                  i);
  }
}

Correlation FeatureRows::correlation(const double* r, double r_norm, const double* s, double s_norm,
                                     double product) const {
  const double cosine = product / r_norm / s_norm;
  if (std::abs(cosine) < kNear) return {cosine, std::sqrt(1.0 - cosine * cosine)};
  // |r / |r| -+ s / |s||^2 = 2 (1 -+ cos).
  const double sign = std::copysign(1.0, cosine);
  double square = 0.0;
  for (Index k = 0; k < rows_.rows; ++k) {
    const double difference = r[k] / r_norm - sign * s[k] / s_norm;
    square += difference * difference;
  }
  // Below this it is the rounding of the two quotients.
  if (square < 1e-31 * static_cast<double>(rows_.rows)) square = 0.0;
  return {sign * (1.0 - 0.5 * square), std::sqrt(square * (1.0 - 0.25 * square))};
}

Correlation FeatureRows::between(Index i, Index j) const {
  if (i == j) return {};
  return correlation(rows_.col(i), norm[i], rows_.col(j), norm[j], inner(i, j));
}

Correlation FeatureRows::with_teacher(Index i) const {
  if (teacher_norm == 0.0) return {0.0, 1.0};
  return correlation(rows_.col(i), norm[i], teacher_.data(), teacher_norm, along[i]);
}

}  // namespace overprune
