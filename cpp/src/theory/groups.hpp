// Means of statistics over many pairs of draws, and the standard errors of what is computed from
// them.
#pragma once

#include <functional>
#include <vector>

#include "overprune/types.hpp"

namespace overprune::theory {

/// A number and its Monte Carlo standard error (0 where it is exact).
struct Estimate {
  double value, error;
};

/// A power of two beside which the largest of these numbers is of order 1; 1 where they are zero or
/// infinite. In this unit their sums and squares neither overflow nor underflow.
double unit_of(const double* values, Index count);
inline double unit_of(const std::vector<double>& values) {
  return unit_of(values.data(), static_cast<Index>(values.size()));
}

/// Mean of independent numbers and its standard error; infinite where one of them is.
Estimate mean_of(std::vector<double> values);

/// Sums over pairs of draws, in at most 64 groups (about) of equally many pairs.
class Groups {
 public:
  static constexpr Index kMost = 64;

  explicit Groups(Index length) : length_(length) {}
  /// Makes room for so many pairs: groups are merged two by two where they would become too many.
  void reserve(Index pairs);
  /// Adds one pair's statistics, (length).
  void add(const std::vector<double>& values);

  using Statistic = std::function<double(const std::vector<double>& mean)>;
  /// A function of the means, with its standard error by leaving out one group at a time
  /// (jackknife): infinite where the function is so without one of them; NaN where a mean
  /// overflows.
  Estimate estimate(const Statistic& statistic) const;
  std::vector<double> mean() const { return mean_without(-1); }

 private:
  Index count() const { return static_cast<Index>(pairs_.size()); }
  std::vector<double> mean_without(Index group) const;

  Index length_, per_group_ = 1;
  std::vector<double> sums_;
  Indices pairs_;  // in each group
};

}  // namespace overprune::theory
