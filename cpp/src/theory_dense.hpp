// The law of the dense model for any covariance and several targets, in the eigenbasis of the covariance.
#pragma once

#include <vector>

#include "block.hpp"
#include "overprune/problem.hpp"

namespace overprune::theory {

/// The problem of training the first k features.
LinearGaussianProblem first_features(const LinearGaussianProblem& problem, Index k);

/// C = op(A) B + beta C.
void multiply(bool transpose, ConstBlock a, ConstBlock b, double beta, Block c);

/// Sigma = V diag(values) V' of a problem, without eigenvalues that are zero up to rounding; F = V
/// diag(values)^(1/2) is the square root that the formulas use: x = F g, u = F'beta. For independent features
/// V selects the ones of positive variance and is never formed.
class Eigenbasis {
 public:
  /// The problem must outlive the basis.
  explicit Eigenbasis(const LinearGaussianProblem& problem);

  const LinearGaussianProblem& problem() const { return problem_; }
  Index features() const { return problem_.features(); }                         ///< k
  Index targets() const { return problem_.targets(); }                           ///< m
  Index rank() const { return static_cast<Index>(values_.size()); }              ///< r
  const std::vector<double>& values() const { return values_; }                  ///< (r) positive
  ConstBlock signal() const { return signal_; }                                  ///< (r, m) u = F'beta
  ConstBlock cross() const { return cross_; }                                    ///< (k, m) Sigma beta = F u
  ConstBlock energy() const { return energy_; }                                  ///< (m, m) u'u
  ConstBlock noise() const { return noise_; }                                    ///< (m, m) N
  const std::vector<double>& root_variances() const { return root_variances_; }  ///< (k) sqrt(Sigma_ii)

  /// out (k, c) = V diag(weights) g, g (r, c); g is overwritten.
  void combine(const std::vector<double>& weights, Block g, Block out) const;
  /// Sigma_SS in full, (s, s); independent features: see `diagonal`.
  void principal_block(const Indices& support, Block out) const;
  bool diagonal() const { return problem_.diagonal(); }
  /// (V diag(weights) V')_ii, (k).
  std::vector<double> weighted_diagonal(const std::vector<double>& weights) const;
  /// V_S diag(weights) V_S', (s, s).
  void weighted_block(const Indices& support, const std::vector<double>& weights, Block out) const;

 private:
  void decompose();

  const LinearGaussianProblem& problem_;
  std::vector<double> values_, root_variances_;
  Indices where_;  // (r) the feature of each eigenvalue where features are independent
  Block vectors_, signal_, cross_, energy_, noise_;
  Buffer vectors_buffer_, signal_buffer_, cross_buffer_, energy_buffer_, noise_buffer_;
};

/// theta = (Sigma + tau)^{-1} F v, v = u + e, e = n^{-1/2} H root', H (r, m) standard normal.
struct MatrixLaw {
  double tau = 0.0;
  double risk = 0.0;  ///< tr Omega; infinite where the limit diverges
  bool finite = true;
  std::vector<double> shrink;       ///< (r) sqrt(l) / (l + tau)
  std::vector<double> root_values;  ///< (r) sqrt(l)
  Block omega;                      ///< (m, m) Omega; where infinite, the matrix that it is a multiple of
  Block root;                       ///< (m, m) root root' = Omega
  Block mean;                       ///< (k, m) E theta
  Block shift;                      ///< (m, m) u'D u = E w'u
  Buffer omega_buffer, root_buffer, mean_buffer, shift_buffer;

  MatrixLaw(const Eigenbasis& basis, double n, double ridge);
};

}  // namespace overprune::theory
