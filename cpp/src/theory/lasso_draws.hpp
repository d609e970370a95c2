// Draws of v with the l1-penalised models on them; docs/theory.md, section 10.
#pragma once

#include <vector>

#include "base/l1_walk.hpp"
#include "theory/white_basis.hpp"

namespace overprune::theory {

/// Sigma as a Hessian.
class CovarianceColumns final : public GramColumns {
 public:
  explicit CovarianceColumns(const LinearGaussianProblem& problem) : problem_(problem) {}
  void column(Index j, Index k, double* out) override;
  double diagonal(Index j) const override { return problem_.variances()(j); }

 private:
  const LinearGaussianProblem& problem_;
};

/// Means over draws that the fixed point is about.
struct LassoMeans {
  double nonzeros = 0.0;  ///< E |S|
  double error = 0.0;     ///< E |u1 - u|^2
  double trace = 0.0;     ///< E tr F_S (Sigma_SS + tau)^{-1} F_S'
};

/// The model of one draw: theta = argmin |v - F'theta|^2 / 2 + tau |theta|^2 / 2 + kappa'
/// |theta|_1, v = F'beta + sqrt(q / n) h, followed while (kappa', q, tau) move.
class LassoDraw {
 public:
  explicit LassoDraw(const WhiteBasis& basis) : basis_(basis), columns_(basis.problem()) {}
  LassoDraw(const LassoDraw&) = delete;

  /// @param noise     (k) F h; stays
  /// @param capacity  the most features that a support may hold
  void start(const double* noise, double sign, double scale, double tau, Index capacity);
  /// @param scale  sqrt(q / n)
  void move(double penalty, double scale, double tau);
  LassoMeans means() const;
  const L1Walk& walk() const { return walk_; }
  /// E<w, u> of this draw, w = v - F'theta.
  double shift() const;

 private:
  void set_linear(double scale);

  const WhiteBasis& basis_;
  CovarianceColumns columns_;
  L1Walk walk_;
  const double* noise_ = nullptr;
  double sign_ = 1.0, tau_ = 0.0;
  std::vector<double> linear_;
  mutable Buffer inverse_;
};

/// F h (k) of a pair of draws, h scaled to its expected length as in ModelDraws.
void lasso_noise(const WhiteBasis& basis, std::uint64_t seed, Index pair, double* out);

}  // namespace overprune::theory
