// Accuracies of one size on a test set; docs/theory.md, section 9.
#pragma once

#include "theory/point_law.hpp"

namespace overprune::theory {

/// Accuracies of one size on a test set, by draws of its models.
class AccuracyStudy {
 public:
  AccuracyStudy(const WhiteBasis& basis, const SizeStudy& study, double n, const Grid& grid,
                const DrawOptions& options)
      : basis_(basis), study_(study), n_(n), grid_(grid), options_(options) {}
  void run(Index workers, const Poll& poll);

  Estimate dense() const { return estimate(0); }
  /// @param rule, nonzeros  positions in the grid
  Estimate pruned(Index rule, Index nonzeros) const {
    return estimate(1 + 2 * point(rule, nonzeros));
  }
  Estimate retrained(Index rule, Index nonzeros) const {
    return estimate(2 + 2 * point(rule, nonzeros));
  }

 private:
  Index point(Index rule, Index nonzeros) const { return rule * active_ + nonzeros; }
  Estimate estimate(Index quantity) const;

  const WhiteBasis& basis_;
  const SizeStudy& study_;
  double n_;
  const Grid& grid_;
  const DrawOptions& options_;
  Index active_ = 0;
  std::vector<std::vector<double>>
      means_;  // per pair: dense, then pruned and retrained of each point
};

}  // namespace overprune::theory
