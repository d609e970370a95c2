// The law of whole models - dense, pruned, retrained - at one point of the grid, and draws of them;
// docs/theory.md, sections 6 and 9.
#pragma once

#include "theory/size_study.hpp"

namespace overprune::theory {

constexpr Index kRandomSupports = 4;  // over which the memory of random supports is averaged

/// The retrained model given the first: theta_2 = (Sigma_SS + tau)^{-1} (F_S [u e w] mixing +
/// F_S e_new), where e_new has covariance `residual`.
struct RetrainedLaw {
  double tau = 0.0;
  OwnedMatrix mixing;          ///< (c, m) of the columns u, e and w, or of u alone
  OwnedMatrix residual, root;  ///< (m, m) root root' = residual; empty where infinite
  bool finite() const { return !residual.empty(); }
};

/// The law of least squares on the survivors.
/// @param study  of the point's size, after its run
RetrainedLaw retrained_regression(const WhiteBasis& basis, const SizeStudy& study, double n,
                                  const Grid& grid, Rule rule, Index s, std::uint64_t seed);

/// The law of the models at one point of the grid, given that of the dense model. One thread's
/// workspace.
class PointLaw {
 public:
  /// @param second  of retraining, or null: not wanted
  PointLaw(const WhiteBasis& basis, const MatrixLaw& law, Rule rule, Index s,
           const RetrainedLaw* second);

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
  ConstBlock residual() const { return second_->residual; }      ///< (m, m)
  bool finite() const { return !second_ || second_->finite(); }

 private:
  /// Right-hand side F_S (u + e rho - w C) and Sigma_SS, of which `factor` is a root.
  void prepare(ModelDraws& draws);

  const WhiteBasis& basis_;
  Rule rule_;
  Index s_;
  const RetrainedLaw* second_;
  Indices support_;
  const bool fixed_;
  Block retrained_, sigma_, right_, factor_;  // (s, m); (s, s); (s, m); (s, s)
  std::vector<double> spread_;
  Buffer retrained_buffer_, sigma_buffer_, right_buffer_, fresh_, solved_;
};

}  // namespace overprune::theory
