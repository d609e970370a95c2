// The law of the dense model for any covariance and several targets.
#pragma once

#include <memory>
#include <vector>

#include "base/block.hpp"
#include "overprune/problem.hpp"

namespace overprune::theory {

/// The problem of training the first k features.
LinearGaussianProblem first_features(const LinearGaussianProblem& problem, Index k);

/// out (m, m) = A' diag(weights) B of (r, m) blocks.
void weighted_gram(ConstBlock a, const std::vector<double>& weights, ConstBlock b, Block out);

/// C = op(A) B + beta C.
void multiply(bool transpose, ConstBlock a, ConstBlock b, double beta, Block c);

/// A (k, r), a row a feature; for independent features one entry a column, and no more is stored.
class FeatureMatrix {
 public:
  FeatureMatrix() = default;
  /// Independent features: column j has entries[j] in row rows[j].
  FeatureMatrix(Index features, const Indices* rows, std::vector<double> entries)
      : features_(features), rows_(rows), entries_(std::move(entries)) {}
  /// A dense matrix, whose owner must outlive this one.
  explicit FeatureMatrix(ConstBlock dense) : features_(dense.rows), dense_(dense) {}

  Index features() const { return features_; }                                              ///< k
  Index rank() const { return rows_ ? static_cast<Index>(entries_.size()) : dense_.cols; }  ///< r
  void apply(ConstBlock g, Block out) const;             ///< out (k, c) = A g, g (r, c)
  void apply_transposed(ConstBlock x, Block out) const;  ///< out (r, c) = A'x, x (k, c)
  std::vector<double> square_rows() const;               ///< (A A')_ii, (k)
  /// A_S diag(weights) A_S', (s, s).
  void gram(const Indices& support, const std::vector<double>& weights, Block out) const;

 private:
  Index features_ = 0;
  const Indices* rows_ = nullptr;  // (r) null: dense
  std::vector<double> entries_;    // (r)
  ConstBlock dense_;
};

/// A square root of the covariance, Sigma = F F', in whose coordinates the features are white: x =
/// F g, u = F'beta. Its columns are orthogonal where a law on it may shrink, and their squared
/// lengths the eigenvalues; else it is a Cholesky factor, for which the features' scales are of no
/// account.
class WhiteBasis {
 public:
  /// The problem must outlive the basis.
  /// @param shrinks  whether there will be laws with an effective ridge; see `may_shrink`
  WhiteBasis(const LinearGaussianProblem& problem, bool shrinks);
  WhiteBasis(const WhiteBasis&) = delete;

  const LinearGaussianProblem& problem() const { return problem_; }
  Index features() const { return problem_.features(); }             ///< k
  Index targets() const { return problem_.targets(); }               ///< m
  Index rank() const { return static_cast<Index>(values_.size()); }  ///< r
  const std::vector<double>& values() const { return values_; }  ///< (r) eigenvalues, if it shrinks
  bool shrinks() const { return shrinks_; }
  const FeatureMatrix& root() const { return root_; }  ///< (k, r) F
  ConstBlock signal() const { return signal_; }        ///< (r, m) u = F'beta
  ConstBlock cross() const { return cross_; }          ///< (k, m) Sigma beta = F u
  ConstBlock energy() const { return energy_; }        ///< (m, m) u'u
  ConstBlock noise() const { return noise_; }          ///< (m, m) N
  const std::vector<double>& root_variances() const {
    return root_variances_;
  }  ///< (k) sqrt(Sigma_ii)
  bool diagonal() const { return problem_.diagonal(); }

  /// (Sigma + tau)^{-1} F (k, r); what is not independent is written to `buffer`, which it views.
  /// tau = 0: Sigma^+ F.
  FeatureMatrix solver(double tau, Buffer& buffer) const;
  /// Standard normals h (r, c) as coordinates in this basis, in `buffer` or as they are: draws stay
  /// the same whether a basis shrinks or not.
  Block coordinates(Block h, Buffer& buffer) const;
  /// Sigma_SS in full, (s, s); independent features: see `diagonal`.
  void principal_block(const Indices& support, Block out) const;

 private:
  void decompose();
  void decompose_dense();

  const LinearGaussianProblem& problem_;
  const bool shrinks_;
  std::vector<double> values_, root_variances_;
  Indices where_;  // (r) the feature of each eigenvalue where features are independent
  FeatureMatrix root_;
  Block dense_,
      dual_;  // (k, r) F; Sigma^+ F where that is not F over the eigenvalues to the last digits
  Block rotation_;  // (r, r) from the Cholesky factor to F, where they are different bases of one
                    // problem
  Block signal_, cross_, energy_, noise_;
  Buffer dense_buffer_, dual_buffer_, rotation_buffer_, signal_buffer_, cross_buffer_,
      energy_buffer_, noise_buffer_;
};

/// Whether a basis of this problem is to have eigenvalues: where training may have an effective
/// ridge, and where they come without loss.
bool may_shrink(const LinearGaussianProblem& problem, double n, double ridge);

/// theta = (Sigma + tau)^{-1} F v, v = u + e, e = n^{-1/2} H root', H (r, m) standard normal.
struct MatrixLaw {
  double tau = 0.0;
  double risk = 0.0;   ///< tr Omega; infinite where the limit diverges
  double share = 0.0;  ///< 1 - (1/n) sum a^2
  bool finite = true;
  std::vector<double> a, d;  ///< (r) l / (l + tau), tau / (l + tau)
  FeatureMatrix solver;      ///< (k, r) (Sigma + tau)^{-1} F
  Block error;               ///< (m, m) N + u'D^2 u
  Block omega;               ///< (m, m) Omega = error / share; where infinite, error
  Block root;                ///< (m, m) root root' = Omega
  Block mean;                ///< (k, m) E theta
  Block shift;               ///< (m, m) u'D u = E w'u
  Buffer solver_buffer, error_buffer, omega_buffer, root_buffer, mean_buffer, shift_buffer;

  MatrixLaw(const WhiteBasis& basis, double n, double ridge);
};

}  // namespace overprune::theory
