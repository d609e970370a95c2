// Draws of whole models - dense, pruned, retrained - from their law.
#pragma once

#include <memory>

#include "theory/size_study.hpp"

namespace overprune::theory {

/// The law of the models at one point of the grid, given that of the dense model. One thread's
/// workspace.
class PointLaw {
 public:
  /// @param study  of the point's size, after its run
  PointLaw(const WhiteBasis& basis, const SizeStudy& study, double n, const Grid& grid, Rule rule,
           Index s, std::uint64_t seed);

  /// The support of the current model of `draws`.
  void select(ModelDraws& draws) {
    if (!fixed_) support_ = draws.order(rule_, s_);
  }
  /// The same and the retrained coefficients (s, m), in the support's order.
  void draw(ModelDraws& draws);
  /// The same, with the mean of `retrained` over the noise that only the second training sees; row
  /// i has the covariance spread()[i] residual() about it.
  void draw_mean(ModelDraws& draws);
  const Indices& support() const { return support_; }
  ConstBlock retrained() const { return retrained_; }
  const std::vector<double>& spread() const { return spread_; }  ///< (s)
  ConstBlock residual() const { return residual_; }              ///< (m, m)
  bool known() const { return fixed_; }  ///< whether every draw has the same support
  bool finite() const { return !retrain_ || !second_.omega.empty(); }

 private:
  void find_second_stage(const SizeStudy& study, double n, const Grid& grid, std::uint64_t seed);
  void find_residual(ConstBlock omega, double n);
  /// Right-hand side F_S (u + e rho - w C) and Sigma_SS, of which `factor` is a root.
  void prepare(ModelDraws& draws);

  const WhiteBasis& basis_;
  Rule rule_;
  Index s_, c_ = 0;
  bool retrain_, fixed_ = false;
  Indices support_;
  SecondStage second_;
  Block mixing_, residual_, root_, retrained_, sigma_, right_, factor_;  // mixing: (c, m) P
  std::vector<double> spread_;
  Buffer mixing_buffer_, residual_buffer_, root_buffer_, retrained_buffer_, sigma_buffer_,
      right_buffer_, fresh_, solved_;
};

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
