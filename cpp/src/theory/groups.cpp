#include "theory/groups.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace overprune::theory {

double unit_of(const double* values, Index count) {
  double largest = 0.0;
  for (Index i = 0; i < count; ++i) largest = std::max(largest, std::abs(values[i]));
  return largest > 0.0 && std::isfinite(largest) ? std::ldexp(1.0, std::ilogb(largest)) : 1.0;
}

Estimate mean_of(std::vector<double> values) {
  const double unit = unit_of(values), count = static_cast<double>(values.size());
  for (double& value : values) value /= unit;
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  if (std::isinf(mean)) return {mean, 0.0};
  if (values.size() < 2) return {unit * mean, std::numeric_limits<double>::infinity()};
  double squares = 0.0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return {unit * mean, unit * std::sqrt(squares / count / (count - 1.0))};
}

void Groups::reserve(Index pairs) {
  for (; per_group_ * kMost < pairs; per_group_ *= 2) {
    const Index half = (count() + 1) / 2;
    for (Index g = 0; g < half; ++g) {
      const bool paired = 2 * g + 1 < count();
      for (Index i = 0; i < length_; ++i)
        sums_[g * length_ + i] =
            sums_[2 * g * length_ + i] + (paired ? sums_[(2 * g + 1) * length_ + i] : 0.0);
      pairs_[g] = pairs_[2 * g] + (paired ? pairs_[2 * g + 1] : 0);
    }
    pairs_.resize(half);
    sums_.resize(half * length_);
  }
}

void Groups::add(const std::vector<double>& values) {
  if (pairs_.empty() || pairs_.back() == per_group_) {
    pairs_.push_back(0);
    sums_.resize(sums_.size() + length_, 0.0);
  }
  ++pairs_.back();
  double* group = sums_.data() + (count() - 1) * length_;
  for (Index i = 0; i < length_; ++i) group[i] += values[i];
}

std::vector<double> Groups::mean_without(Index group) const {
  std::vector<double> mean(length_, 0.0);
  Index pairs = 0;
  for (Index g = 0; g < count(); ++g) {
    if (g == group) continue;
    pairs += pairs_[g];
    for (Index i = 0; i < length_; ++i) mean[i] += sums_[g * length_ + i];
  }
  for (double& value : mean) value /= static_cast<double>(pairs);
  return mean;
}

Estimate Groups::estimate(const Statistic& statistic) const {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> all = mean();
  for (const double one : all)
    if (!std::isfinite(one)) return {std::numeric_limits<double>::quiet_NaN(), 0.0};
  const double value = statistic(all);
  if (!std::isfinite(value)) return {value, 0.0};
  if (count() < 2) return {value, infinity};
  std::vector<double> without(count());
  for (Index g = 0; g < count(); ++g) {
    without[g] = statistic(mean_without(g));
    if (!std::isfinite(without[g])) return {value, infinity};
  }
  const double unit = unit_of(without);
  for (double& other : without) other /= unit;
  const auto groups = static_cast<double>(count());
  const double middle = std::accumulate(without.begin(), without.end(), 0.0) / groups;
  double square = 0.0;
  for (const double other : without) square += (other - middle) * (other - middle);
  return {value, unit * std::sqrt(square * (groups - 1.0) / groups)};
}

}  // namespace overprune::theory
