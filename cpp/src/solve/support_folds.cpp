#include "solve/support_folds.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/owned_matrix.hpp"
#include "base/pace.hpp"

namespace overprune {
namespace {

// Bound of an error's rounding errors, relative to the root mean square of y, beyond which a fold
// is solved by itself.
constexpr double kMostRounding = 1e-10;

double length(ConstBlock vector) { return std::sqrt(norm2(vector)); }

/// B = L^{-1} B, or L'^{-1} B.
void solve_lower(ConstBlock lower, Block b, bool transpose) {
  if (lower.rows > 0 && b.cols > 0)
    kernels::active().solve_triangular(true, transpose, lower.rows, b.cols, lower.data, lower.ld,
                                       b.data, b.ld);
}

}  // namespace

void SupportFolds::split(Index p, const FoldSupports& supports) {
  const Index n = static_cast<Index>(supports.order.size());
  count_.assign(p, 0);
  for (const Indices& order : supports.order)
    for (Index j = 0; j < supports.nonzeros; ++j) ++count_[order[j]];
  core_.clear();
  some_.clear();
  place_.assign(p, -1);
  for (Index j = 0; j < p; ++j) {
    if (count_[j] == n) core_.push_back(j);
    if (count_[j] == 0 || count_[j] == n) continue;
    place_[j] = static_cast<Index>(some_.size());
    some_.push_back(j);
  }
  members_.resize(n);
  std::vector<char> member(some_.size(), 0);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < supports.nonzeros; ++j)
      if (const Index at = place_[supports.order[i][j]]; at >= 0) member[at] = 1;
    members_[i].clear();
    for (std::size_t at = 0; at < member.size(); ++at) {
      if (member[at]) members_[i].push_back(static_cast<Index>(at));
      member[at] = 0;
    }
  }
}

void SupportFolds::solve(const FoldData& data, const FoldSupports& supports, double ridge,
                         const Poll& poll) {
  const Index n = data.x.rows, m = data.y.cols;
  const double lambda = ridge * (static_cast<double>(n) - 1.0);
  split(data.x.cols, supports);
  const Index u = static_cast<Index>(some_.size());
  matrix_ = matrix_buffer_.block(u, u);
  sides_ = sides_buffer_.block(u, n + m);
  above_ = above_buffer_.block(n, m);
  error_ = error_buffer_.block(m, n);
  below_.assign(n, 1.0);
  row_growth_.assign(n, 0.0);
  feature_growth_.assign(u, 0.0);
  response_growth_.assign(m, 0.0);
  response_size_.assign(m, 0.0);
  tolerance_.resize(m);
  for (Index t = 0; t < m; ++t)
    tolerance_[t] =
        kMostRounding * length(data.y.columns(t, 1)) / std::sqrt(static_cast<double>(n));
  trusted_.assign(n, 0);
  poll_now(poll);
  const bool is_primal = supports.nonzeros < n || (lambda > 0.0 && supports.nonzeros == n);
  const Index c = static_cast<Index>(core_.size());
  const Block core = core_columns_.block(n, c), some = some_columns_.block(n, u);
  gather_columns(data.x, core_.data(), c, core);
  gather_columns(data.x, some_.data(), u, some);
  if (!(is_primal ? eliminate_features(core, some, data.y, lambda)
                  : eliminate_rows(core, some, data.y, lambda)))
    return;
  poll_now(poll);
  Pace pace;
  for (Index i = 0; i < n; ++i) {
    const Index v = static_cast<Index>(members_[i].size());
    trusted_[i] = solve_fold(i, m);
    pace(v * v * (v / 3 + 1));
  }
}

/// The Schur complement of the Gram matrix of the core, with ridge.
bool SupportFolds::eliminate_features(ConstBlock core, ConstBlock some, ConstBlock y,
                                      double lambda) {
  const Index n = y.rows, m = y.cols, c = core.cols, u = some.cols;
  const auto& kernel = kernels::active();
  const Block gram = factor_.block(c, c);
  fill(gram, 0.0);
  for (Index j = 0; j < c; ++j) gram(j, j) = lambda;
  if (c > 0) kernel.gram(c, n, core.data, core.ld, gram.data, gram.ld);
  std::vector<double> norms(c);
  for (Index j = 0; j < c; ++j) norms[j] = std::sqrt(gram(j, j));
  if (c > 0 && !kernel.cholesky(c, gram.data, gram.ld)) return false;
  // L^{-1} X_C' [I, y, X_U].
  const Block solved = coefficients_.block(c, n + m + u);
  transpose(core, solved.columns(0, n));
  multiply(transposed(core), y, solved.columns(n, m));
  multiply(transposed(core), some, solved.columns(n + m, u));
  solve_lower(gram, solved, false);
  fill(matrix_, 0.0);
  for (Index j = 0; j < u; ++j) matrix_(j, j) = lambda;
  if (u > 0) kernel.gram(u, n, some.data, some.ld, matrix_.data, matrix_.ld);
  for (Index j = 0; j < u; ++j) feature_growth_[j] = std::sqrt(matrix_(j, j));
  const ConstBlock shared = solved.columns(n + m, u);
  multiply(transposed(shared), shared, matrix_, -1.0, 1.0);
  transpose(some, sides_.columns(0, n));
  multiply(transposed(some), y, sides_.columns(n, m));
  multiply(transposed(shared), solved.columns(0, n + m), sides_, -1.0, 1.0);
  copy(y, above_);
  multiply(transposed(solved.columns(0, n)), solved.columns(n, m), above_, -1.0, 1.0);
  for (Index i = 0; i < n; ++i) below_[i] -= norm2(solved.columns(i, 1));
  one_ = 1.0;
  // Coefficients in the units of the columns' norms, which the Gram matrix is accurate in.
  solve_lower(gram, solved, true);
  for (Index j = 0; j < c; ++j)
    for (Index i = 0; i < solved.cols; ++i) solved(j, i) *= norms[j];
  for (Index i = 0; i < n; ++i) row_growth_[i] = length(solved.columns(i, 1));
  for (Index t = 0; t < m; ++t) {
    response_size_[t] = length(y.columns(t, 1));
    response_growth_[t] = length(solved.columns(n + t, 1));
  }
  for (Index j = 0; j < u; ++j) feature_growth_[j] += length(solved.columns(n + m + j, 1));
  return true;
}

/// The same where the models interpolate: the features of some folds are added to the inverse of
/// X_C X_C' + lambda I.
bool SupportFolds::eliminate_rows(ConstBlock core, ConstBlock some, ConstBlock y, double lambda) {
  const Index n = y.rows, m = y.cols, c = core.cols, u = some.cols;
  if (c < n && lambda == 0.0) return false;
  const auto& kernel = kernels::active();
  const Block gram = factor_.block(n, n);
  fill(gram, 0.0);
  for (Index i = 0; i < n; ++i) gram(i, i) = lambda;
  if (c > 0) kernel.row_gram(n, c, core.data, core.ld, gram.data, gram.ld);
  const double size = std::sqrt(trace(gram));
  if (!kernel.cholesky(n, gram.data, gram.ld)) return false;
  // (X_C X_C' + lambda I)^{-1} [I, y, X_U].
  const Block solved = coefficients_.block(n, n + m + u);
  fill(solved.columns(0, n), 0.0);
  for (Index i = 0; i < n; ++i) solved(i, i) = 1.0;
  copy(y, solved.columns(n, m));
  copy(some, solved.columns(n + m, u));
  solve_normal(gram, solved);
  fill(matrix_, 0.0);
  for (Index j = 0; j < u; ++j) matrix_(j, j) = 1.0;
  multiply(transposed(some), solved.columns(n + m, u), matrix_, 1.0, 1.0);
  multiply(transposed(some), solved.columns(0, n + m), sides_);
  copy(solved.columns(n, m), above_);
  one_ = 0.0;
  for (Index i = 0; i < n; ++i) {
    below_[i] = solved(i, i);
    row_growth_[i] = size * length(solved.columns(i, 1));
  }
  for (Index t = 0; t < m; ++t) response_growth_[t] = size * length(solved.columns(n + t, 1));
  for (Index j = 0; j < u; ++j)
    feature_growth_[j] = 1.0 + size * length(solved.columns(n + m + j, 1));
  return true;
}

/// The error of one fold; false where it may not be accurate.
bool SupportFolds::solve_fold(Index i, Index m) {
  const auto& kernel = kernels::active();
  const Indices& members = members_[i];
  const Index n = static_cast<Index>(members_.size()), v = static_cast<Index>(members.size()),
              padded = kernels::whole_tiles(v);
  const Block own = own_.block(padded, padded), sides = own_sides_.block(v, 2 * (1 + m));
  for (Index b = 0; b < v; ++b) {
    const double* from = matrix_.col(members[b]);
    double* to = own.col(b);
    for (Index a = b; a < v; ++a) to[a] = from[members[a]];
    std::fill(to + v, to + padded, 0.0);
  }
  for (Index b = v; b < padded; ++b) {
    std::fill(own.col(b) + b, own.col(b) + padded, 0.0);
    own(b, b) = 1.0;
  }
  if (v > 0 && !kernel.cholesky(padded, own.data, own.ld)) return false;
  const ConstBlock lower = ConstBlock(own).columns(0, v).top(v);
  for (Index t = 0; t <= m; ++t) {
    const double* from = sides_.col(t == 0 ? i : n + t - 1);
    for (Index a = 0; a < v; ++a) sides(a, t) = from[members[a]];
  }
  const Block forward = sides.columns(0, 1 + m), back = sides.columns(1 + m, 1 + m);
  solve_lower(lower, forward, false);
  copy(forward, back);
  solve_lower(lower, back, true);
  const double below = below_[i] - norm2(forward.columns(0, 1));
  if (!(below > 0.0)) return false;
  const auto growth = [&](Index column, double begin) {
    for (Index a = 0; a < v; ++a) begin += std::abs(back(a, column)) * feature_growth_[members[a]];
    return begin;
  };
  const double row = growth(0, row_growth_[i]);
  for (Index t = 0; t < m; ++t) {
    const double above = above_(i, t) - inner(v, forward.col(0), forward.col(1 + t));
    const double error = error_(t, i) = above / below;
    const double moved = row * (growth(1 + t, response_growth_[t]) + response_size_[t]);
    const double rounding = std::numeric_limits<double>::epsilon() *
                            (moved + std::abs(error) * (one_ + row * row)) / below;
    if (!(rounding <= tolerance_[t])) return false;
  }
  return true;
}

}  // namespace overprune
