#include "solve/rank.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/table.hpp"
#include "overprune/random.hpp"

namespace overprune {

double rank_threshold(Index rows, Index cols) {
  return std::numeric_limits<double>::epsilon() * static_cast<double>(std::max(rows, cols));
}

Index TriangleJudge::trusted(ConstBlock triangle, const std::vector<double>& norms,
                             std::span<const Index> leading, double floor, RowUnit unit) {
  Index sound = 0;
  const auto has_pivot = [&](Index j) {
    return std::abs(triangle(j, j)) >= kSmallPivot * norms[j] && norms[j] > kLeastNorm &&
           norms[j] < kLargestNorm;
  };
  while (sound < leading.back() && has_pivot(sound)) ++sound;
  const auto end = std::upper_bound(leading.begin(), leading.end(), sound);
  const auto is_far = [&](Index k) {
    return is_far_from_singular(triangle.columns(0, k).top(k), norms, floor, unit);
  };
  if (end == leading.begin() || is_far(*(end - 1))) return end - leading.begin();
  return std::partition_point(leading.begin(), end - 1, is_far) - leading.begin();
}

/// With D the units of the rows and A = D^{-1} L, the norms of A^{-1} b and A'^{-1} A^{-1} b each
/// against that of the vector before are lower bounds of one over the smallest singular value, the
/// second nearly always a close one.
bool TriangleJudge::is_far_from_singular(ConstBlock triangle, const std::vector<double>& norms,
                                         double floor, RowUnit unit) {
  const auto& kernel = kernels::active();
  const Index k = triangle.rows, drawn = static_cast<Index>(start_.size());
  if (drawn < k) {
    start_.resize(k);
    along_.resize(k);
    standard_normal({.purpose = Purpose::probes}, drawn, k - drawn, start_.data() + drawn);
  }
  const double largest = *std::max_element(norms.begin(), norms.begin() + k);
  const Block along{along_.data(), k, 1, k};
  const auto scale = [&](double factor) {
    for (Index j = 0; j < k; ++j) along_[j] *= factor * (unit == RowUnit::own ? norms[j] : largest);
  };
  std::copy_n(start_.begin(), k, along_.begin());
  scale(1.0 / std::sqrt(norm2(along)));
  kernel.solve_triangular(true, false, k, 1, triangle.data, triangle.ld, along.data, k);
  const double length = std::sqrt(norm2(along));
  if (!(length * floor < 1.0)) return false;
  kernel.solve_triangular(true, true, k, 1, triangle.data, triangle.ld, along.data, k);
  scale(1.0 / length);
  return std::sqrt(norm2(along)) * floor < 1.0;
}

}  // namespace overprune
