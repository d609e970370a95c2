// The law of whole models - dense, pruned, retrained - at one point of the grid, and draws of them;
// docs/theory.md, sections 6 and 9.
#pragma once

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
  void find_residual(const OwnedMatrix& omega, double n);
  /// Right-hand side F_S (u + e rho - w C) and Sigma_SS, of which `factor` is a root.
  void prepare(ModelDraws& draws);

  const WhiteBasis& basis_;
  Rule rule_;
  Index s_, c_ = 0;
  bool retrain_, fixed_ = false;
  Indices support_;
  SecondStage second_;
  OwnedMatrix mixing_, residual_, root_;      // (c, m) P; (m, m); (m, m) root root' = residual
  Block retrained_, sigma_, right_, factor_;  // (s, m); (s, s); (s, m); (s, s)
  std::vector<double> spread_;
  Buffer retrained_buffer_, sigma_buffer_, right_buffer_, fresh_, solved_;
};

}  // namespace overprune::theory
