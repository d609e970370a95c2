// Coordinates in which the features of a problem are white, for any covariance and several targets;
// docs/theory.md, section 6.
#pragma once

#include <vector>

#include "base/owned_matrix.hpp"
#include "overprune/problem.hpp"
#include "overprune/pruning.hpp"

namespace overprune::theory {

/// The problem of training the first k features.
LinearGaussianProblem first_features(const LinearGaussianProblem& problem, Index k);

/// A'diag(weights) B (m, m) of (r, m) blocks.
OwnedMatrix weighted_gram(ConstBlock a, const std::vector<double>& weights, ConstBlock b);

/// diag(weights) A (r, m).
OwnedMatrix scaled_rows(const std::vector<double>& weights, ConstBlock a);

/// A (k, r), a row a feature; for independent features one entry a column, and no more is stored.
class FeatureMatrix {
 public:
  FeatureMatrix() = default;
  /// Independent features: column j has entries[j] in row rows[j].
  FeatureMatrix(Index features, const Indices* rows, std::vector<double> entries)
      : features_(features), rows_(rows), entries_(std::move(entries)) {}
  /// The columns of a dense matrix from number `first` on.
  explicit FeatureMatrix(OwnedMatrix dense, Index first = 0)
      : features_(dense.rows()),
        owned_(std::move(dense)),
        dense_(owned_.block().columns(first, owned_.cols() - first)) {}
  /// A dense matrix whose owner outlives this one.
  explicit FeatureMatrix(ConstBlock dense) : features_(dense.rows), dense_(dense) {}
  FeatureMatrix(FeatureMatrix&&) = default;
  FeatureMatrix& operator=(FeatureMatrix&&) = default;

  Index features() const { return features_; }                                              ///< k
  Index rank() const { return rows_ ? static_cast<Index>(entries_.size()) : dense_.cols; }  ///< r
  ConstBlock dense() const { return dense_; }        ///< (k, r); empty for independent features
  OwnedMatrix apply(ConstBlock g) const;             ///< A g (k, c), g (r, c)
  void apply(ConstBlock g, Block out) const;         ///< out (k, c) = A g
  OwnedMatrix apply_transposed(ConstBlock x) const;  ///< A'x (r, c), x (k, c)
  std::vector<double> square_rows() const;           ///< (A A')_ii, (k)
  /// out = A_S diag(weights) A_S', (s, s).
  void gram(const Indices& support, const std::vector<double>& weights, Block out) const;

 private:
  Index features_ = 0;
  const Indices* rows_ = nullptr;  // (r) null: dense
  std::vector<double> entries_;    // (r)
  OwnedMatrix owned_;
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
  const FeatureMatrix& root() const { return root_; }    ///< (k, r) F
  const OwnedMatrix& signal() const { return signal_; }  ///< (r, m) u = F'beta
  const OwnedMatrix& cross() const { return cross_; }    ///< (k, m) Sigma beta = F u
  const OwnedMatrix& energy() const { return energy_; }  ///< (m, m) u'u
  const OwnedMatrix& noise() const { return noise_; }    ///< (m, m) N
  /// (k) sqrt(Sigma_ii)
  const std::vector<double>& root_variances() const { return root_variances_; }
  bool diagonal() const { return problem_.diagonal(); }

  /// (Sigma + tau)^{-1} F (k, r), which the basis must outlive; tau = 0: Sigma^+ F.
  FeatureMatrix solver(double tau) const;
  /// Standard normals h (r, c) as coordinates in this basis, in `buffer` or as they are: draws stay
  /// the same whether a basis shrinks or not.
  Block coordinates(Block h, Buffer& buffer) const;
  /// out = Sigma_SS, (s, s).
  void principal_block(const Indices& support, Block out) const;
  /// out = Sigma[rows, columns] of correlated features.
  void gather(const Indices& rows, const Indices& columns, Block out) const;
  /// The eigenvalues of Sigma_SS that are positive beyond rounding.
  std::vector<double> eigenvalues(const Indices& support) const;
  /// The scores (k) by which a rule that looks at the model ranks its coefficients theta (k, m).
  void score(Rule rule, ConstBlock theta, Vector scores) const;

 private:
  void decompose();
  void decompose_dense();
  void decompose_eigen(OwnedMatrix sigma);
  void decompose_graded(OwnedMatrix sigma);

  const LinearGaussianProblem& problem_;
  const bool shrinks_;
  std::vector<double> values_, root_variances_;
  Indices where_;  // (r) the feature of each eigenvalue where features are independent
  FeatureMatrix root_;
  // (k, r) Sigma^+ F where that is not F over the eigenvalues to the last digits
  OwnedMatrix dual_;
  OwnedMatrix rotation_;  // (r, r) from the Cholesky factor to F, where they are different bases of
                          // one problem
  OwnedMatrix signal_, cross_, energy_, noise_;
};

/// Whether a basis of this problem is to have eigenvalues: where training may have an effective
/// ridge, and where they come without loss.
bool may_shrink(const LinearGaussianProblem& problem, double n, double ridge);

}  // namespace overprune::theory
