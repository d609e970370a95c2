#include "rank.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace overprune {

double rank_threshold(Index rows, Index cols) {
  return std::numeric_limits<double>::epsilon() * static_cast<double>(std::max(rows, cols));
}

// Appending the column (w; pivot) to R: the best direction (s d; c) makes |(s sigma, s d'w + c pivot)|
// smallest, which is the small eigenvector of a symmetric 2 x 2 matrix.
void PivotMonitor::see(const double* column, Index stride, double pivot, double column_norm, double unit) {
  if (!(std::abs(pivot) >= kSmallPivot * column_norm) || !(column_norm > kLeastNorm) ||
      !(column_norm < kLargestNorm))
    small_ = true;
  pivot /= unit;
  largest_ = std::max(largest_, column_norm / unit);
  if (small_) return;
  if (direction_.empty()) {
    direction_.push_back(1.0);
    sigma_ = std::abs(pivot);
    return;
  }
  double along = 0.0;
  for (std::size_t i = 0; i < direction_.size(); ++i)
    along += direction_[i] * column[static_cast<Index>(i) * stride];
  along /= unit;
  const double scale = std::max({sigma_, std::abs(along), std::abs(pivot)});
  const double sigma = sigma_ / scale, alpha = along / scale, gamma = pivot / scale;
  const double a = sigma * sigma + alpha * alpha, b = alpha * gamma, d = gamma * gamma;
  const double large = 0.5 * (a + d + std::hypot(a - d, 2.0 * b));
  double s = a >= d ? -b : a - large, c = a >= d ? large - d : b;
  const double length = std::hypot(s, c);
  if (length == 0.0)
    s = 1.0, c = 0.0;
  else
    s /= length, c /= length;
  for (double& value : direction_) value *= s;
  direction_.push_back(c);
  sigma_ = scale * sigma * std::abs(gamma) / std::sqrt(large);
}

}  // namespace overprune
