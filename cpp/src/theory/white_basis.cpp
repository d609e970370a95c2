#include "theory/white_basis.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.hpp"
#include "base/pace.hpp"
#include "kernels/table.hpp"
#include "problem/covariance.hpp"
#include "problem/covariance_root.hpp"
#include "theory/rule_scores.hpp"

namespace overprune::theory {

OwnedMatrix weighted_gram(ConstBlock a, const std::vector<double>& weights, ConstBlock b) {
  OwnedMatrix out(a.cols, b.cols);
  Pace pace;
  for (Index j = 0; j < b.cols; ++j)
    for (Index i = 0; i < a.cols; ++i, pace(a.rows)) {
      double sum = 0.0;
      for (Index l = 0; l < a.rows; ++l) sum += a(l, i) * weights[l] * b(l, j);
      out(i, j) = sum;
    }
  return out;
}

OwnedMatrix scaled_rows(const std::vector<double>& weights, ConstBlock a) {
  OwnedMatrix out(a.rows, a.cols);
  for (Index t = 0; t < a.cols; ++t)
    for (Index j = 0; j < a.rows; ++j) out(j, t) = weights[j] * a(j, t);
  return out;
}

LinearGaussianProblem first_features(const LinearGaussianProblem& problem, Index k) {
  Indices first(k);
  std::iota(first.begin(), first.end(), Index{0});
  return problem.restrict(first);
}

OwnedMatrix FeatureMatrix::apply(ConstBlock g) const {
  OwnedMatrix out(features_, g.cols);
  apply(g, out);
  return out;
}

void FeatureMatrix::apply(ConstBlock g, Block out) const {
  if (!rows_) return multiply(dense_, g, out);
  fill(out, 0.0);
  for (Index c = 0; c < g.cols; ++c)
    for (Index j = 0; j < g.rows; ++j) out((*rows_)[j], c) = entries_[j] * g(j, c);
}

OwnedMatrix FeatureMatrix::apply_transposed(ConstBlock x) const {
  if (!rows_) return product(transposed(dense_), x);
  OwnedMatrix out(rank(), x.cols);
  for (Index c = 0; c < x.cols; ++c)
    for (Index j = 0; j < out.rows(); ++j) out(j, c) = entries_[j] * x((*rows_)[j], c);
  return out;
}

std::vector<double> FeatureMatrix::square_rows() const {
  std::vector<double> result(features_, 0.0);
  Pace pace;
  for (Index j = 0; j < rank(); ++j) {
    pace(rows_ ? 1 : features_);
    if (rows_) {
      result[(*rows_)[j]] = entries_[j] * entries_[j];
    } else {
      for (Index i = 0; i < features_; ++i) result[i] += dense_(i, j) * dense_(i, j);
    }
  }
  return result;
}

void FeatureMatrix::gram(const Indices& support, const std::vector<double>& weights,
                         Block out) const {
  const Index s = static_cast<Index>(support.size()), r = rank();
  OwnedMatrix left(s, r), right(s, r);
  Pace pace;
  for (Index j = 0; j < r; ++j, pace(4 * s))
    for (Index i = 0; i < s; ++i) {
      left(i, j) = rows_ ? ((*rows_)[j] == support[i] ? entries_[j] : 0.0) : dense_(support[i], j);
      right(i, j) = left(i, j) * weights[j];
    }
  multiply(left, transposed(right), out);
}

WhiteBasis::WhiteBasis(const LinearGaussianProblem& problem, bool shrinks)
    : problem_(problem), shrinks_(shrinks) {
  for (Index i = 0; i < features(); ++i)
    root_variances_.push_back(std::sqrt(problem.variances()(i)));
  if (diagonal())
    decompose();
  else
    decompose_dense();
  const ConstMatrix beta = problem.beta();
  signal_ = root_.apply_transposed({beta.data, features(), targets(), beta.col_stride});
  cross_ = root_.apply(signal_);
  energy_ = weighted_gram(signal_, std::vector<double>(rank(), 1.0), signal_);
  noise_ = OwnedMatrix(targets(), targets());
  copy_strided(problem.noise_covariance(), 1.0, noise_);
}

void WhiteBasis::decompose() {
  std::vector<double> roots;
  Pace pace;
  for (Index i = 0; i < features(); ++i, pace(1)) {
    if (problem_.variances()(i) == 0.0) continue;
    where_.push_back(i);
    values_.push_back(problem_.variances()(i));
    roots.push_back(root_variances_[i]);
  }
  root_ = FeatureMatrix(features(), &where_, std::move(roots));
}

void WhiteBasis::decompose_dense() {
  OwnedMatrix sigma(features(), features());
  copy_strided(problem_.covariance(), 1.0, sigma);
  if (shrinks_ && !differ_in_scale(problem_.variances())) return decompose_eigen(std::move(sigma));
  if (shrinks_) return decompose_graded(std::move(sigma));
  CovarianceRoot cholesky;
  cholesky.factor(sigma);
  values_.assign(cholesky.rank(), 1.0);
  OwnedMatrix root(features(), rank());
  dual_ = OwnedMatrix(features(), rank());
  cholesky.root(root);
  cholesky.dual(dual_);
  root_ = FeatureMatrix(std::move(root));
}

void WhiteBasis::decompose_eigen(OwnedMatrix sigma) {
  const Index k = features();
  std::vector<double> values(k);
  if (!kernels::active().symmetric_eigen(k, sigma.begin(), k, values.data()))
    check::fail("covariance has no eigendecomposition that converges");
  const double rounding = covariance_rounding(k) * std::max(values.back(), 0.0);
  Index first = 0;  // ascending: the ones that are zero come first
  while (first < k && !(values[first] > rounding)) ++first;
  values_.assign(values.begin() + first, values.end());
  for (Index j = first; j < k; ++j) {
    const double length = std::sqrt(values[j]);
    for (Index i = 0; i < k; ++i) sigma(i, j) *= length;
  }
  root_ = FeatureMatrix(std::move(sigma), first);
}

/// The eigenvectors of features on very different scales lose the small ones: Jacobi's do not.
void WhiteBasis::decompose_graded(OwnedMatrix sigma) {
  const Index k = features();
  OwnedMatrix again = sigma;
  CovarianceRoot cholesky, graded;
  cholesky.factor(sigma);
  graded.factor(again, true);
  const Index r = graded.rank();
  OwnedMatrix root(k, r);
  graded.root(root);
  orthogonalize_columns(root);
  for (Index j = 0; j < r; ++j) values_.push_back(norm2(root.block().columns(j, 1)));
  CovarianceRoot& from = cholesky.rank() == r ? cholesky : graded;
  rotation_ = OwnedMatrix(from.coordinates(root));
  OwnedMatrix dual(k, r);
  from.dual(dual);
  dual_ = product(dual, rotation_);
  root_ = FeatureMatrix(std::move(root));
}

Block WhiteBasis::coordinates(Block h, Buffer& buffer) const {
  if (rotation_.empty()) return h;
  const Block rotated = buffer.block(h.rows, h.cols);
  multiply(transposed(rotation_), h, rotated);
  return rotated;
}

bool may_shrink(const LinearGaussianProblem& problem, double n, double ridge) {
  return ridge > 0.0 || static_cast<double>(problem.features()) > n ||
         !differ_in_scale(problem.variances());
}

FeatureMatrix WhiteBasis::solver(double tau) const {
  const Index k = features(), r = rank();
  if (diagonal()) {
    std::vector<double> entries(r);
    for (Index j = 0; j < r; ++j) entries[j] = root_variances_[where_[j]] / (values_[j] + tau);
    return {k, &where_, std::move(entries)};
  }
  if (!shrinks_) return FeatureMatrix(dual_.block());
  OwnedMatrix out(root_.dense());
  Pace pace;
  for (Index j = 0; j < r; ++j, pace(2 * k)) {
    const double a = values_[j] / (values_[j] + tau), inverse = 1.0 / (values_[j] + tau);
    for (Index i = 0; i < k; ++i) out(i, j) *= inverse;
    // For features that are large beside tau the quotient divides rounding errors by small
    // eigenvalues.
    for (Index i = 0; !dual_.empty() && i < k; ++i)
      if (problem_.variances()(i) > tau) out(i, j) = dual_(i, j) * a;
  }
  return FeatureMatrix(std::move(out));
}

void WhiteBasis::gather(const Indices& rows, const Indices& columns, Block out) const {
  const ConstMatrix sigma = problem_.covariance();
  Pace pace;
  for (std::size_t j = 0; j < columns.size(); ++j, pace(static_cast<Index>(rows.size()))) {
    const double* column = &sigma(0, columns[j]);
    double* to = out.col(static_cast<Index>(j));
    for (std::size_t i = 0; i < rows.size(); ++i) to[i] = column[rows[i] * sigma.row_stride];
  }
}

void WhiteBasis::principal_block(const Indices& support, Block out) const {
  if (!diagonal()) return gather(support, support, out);
  fill(out, 0.0);
  for (Index j = 0; j < out.cols; ++j) out(j, j) = problem_.variances()(support[j]);
}

std::vector<double> WhiteBasis::eigenvalues(const Indices& support) const {
  std::vector<double> values;
  if (!diagonal()) {
    const Index s = static_cast<Index>(support.size());
    OwnedMatrix sigma(s, s);
    gather(support, support, sigma);
    return positive_eigenvalues(sigma);
  }
  for (const Index i : support)
    if (const double variance = problem_.variances()(i); variance > 0.0) values.push_back(variance);
  return values;
}

void WhiteBasis::score(Rule rule, ConstBlock theta, Vector scores) const {
  const int q = traits(rule).curvature_power;
  std::vector<double> weights;
  for (Index i = 0; q > 1 && i < features(); ++i)
    weights.push_back(half_power(problem_.variances()(i), q));
  rank_scores({theta.data, theta.rows, theta.cols, 1, theta.ld},
              q == 1 ? vector_view(root_variances_) : vector_view(weights), scores);
}

}  // namespace overprune::theory
