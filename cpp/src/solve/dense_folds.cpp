#include "solve/dense_folds.hpp"

#include <algorithm>
#include <cmath>

#include "base/owned_matrix.hpp"
#include "overprune/random.hpp"

namespace overprune {
namespace {

// The condition number times what the division by the denominator adds, beyond which a fold is
// solved by itself.
constexpr double kMostLost = 1e6;
constexpr Index kProbes = 16;  // random vectors for traces

}  // namespace

void DenseFolds::solve(const FoldData& data, Index k, double ridge, const Poll& poll) {
  const Index n = data.x.rows, m = data.y.cols;
  const double lambda = ridge * (static_cast<double>(n) - 1.0);
  const Block targets = targets_.block(n, m + n);
  copy(data.y, targets.columns(0, m));
  fill(targets.columns(m, n), 0.0);
  for (Index i = 0; i < n; ++i) targets(i, m + i) = 1.0;
  solution_ = solution_buffer_.block(k, m + n);
  const ConstBlock x = data.x.columns(0, k);
  path_.solve(x, targets, {k}, data.ridge_of_all(ridge), solution_, &info_, poll);
  // What theta and M leave of y and of the unit vectors; nothing where every model interpolates.
  const bool interpolates = lambda == 0.0 && k >= n;
  const double own = interpolates ? 1.0 : lambda;
  const Block left = left_ = left_buffer_.block(n, m + n);
  if (interpolates) {
    fill(left, 0.0);
  } else {
    copy(targets, left);
    multiply(x, solution_, left, -1.0, 1.0);
  }
  find_dependence(m, own);
  error_ = error_buffer_.block(m, n);
  trusted_.assign(n, 0);
  const bool full_rank = lambda > 0.0 || info_.rank[0] == std::min(n, k);
  for (Index i = 0; i < n && full_rank; ++i) {
    const double* map = solution_.col(m + i);
    const double* unit = left.col(m + i);
    const double kept = inner(n, unit, unit), share = own * inner(k, map, map) + kept;
    double lost = 1.0;
    for (Index t = 0; t < m; ++t) {
      const double* theta = solution_.col(t);
      const double* residual = left.col(t);
      error_(t, i) = (own * inner(k, map, theta) + inner(n, unit, residual)) / share;
      const double size = norm2(data.y.columns(t, 1));
      if (!interpolates && size > 0.0)
        lost = std::max(lost,
                        (std::sqrt(inner(n, residual, residual) / size) + std::sqrt(kept)) / share);
    }
    trusted_[i] = share > 0.0 && info_.condition[0] * lost <= kMostLost;
  }
}

/// own M'M + u'u is B but for a factor, and for a projection where there is no ridge.
void DenseFolds::find_dependence(Index m, double own) {
  const Index n = left_.rows, k = solution_.rows;
  const Block probes = probes_.block(n, 2 * kProbes), images = images_.block(k + n, kProbes);
  standard_normal({}, 0, n * kProbes, probes.data);
  const ConstBlock map = solution_.columns(m, n), left = left_.columns(m, n);
  const Block theta{images.data, k, kProbes, images.ld},
      rest{images.data + k, n, kProbes, images.ld};
  double traces[2];
  for (double& trace : traces) {
    const Block from = probes.columns(0, kProbes), to = probes.columns(kProbes, kProbes);
    multiply(map, from, theta);
    multiply(left, from, rest);
    multiply(transposed(map), theta, to, own);
    multiply(transposed(left), rest, to, 1.0, 1.0);
    trace = norm2(to) / static_cast<double>(kProbes);
    copy(to, from);
  }
  const double rows = static_cast<double>(n), own_rows = traces[0] * traces[0] / traces[1];
  dependence_ = own_rows >= 1.0 ? std::sqrt(std::max(rows / own_rows, 1.0)) : std::sqrt(rows);
}

void DenseFolds::model(Index i, Block theta) const {
  const Index m = theta.cols;
  const double* map = solution_.col(m + i);
  for (Index t = 0; t < m; ++t) {
    const double* all = solution_.col(t);
    double* own = theta.col(t);
    const double error = error_(t, i);
    for (Index j = 0; j < theta.rows; ++j) own[j] = all[j] - map[j] * error;
  }
}

void PlainFold::take(const FoldData& data, Index i) {
  if (row_ == i) return;
  row_ = i;
  const Index rows = data.x.rows - 1;
  x_ = x_buffer_.block(rows, data.x.cols);
  y_ = y_buffer_.block(rows, data.y.cols);
  const auto without = [&](ConstBlock from, Block to) {
    for (Index j = 0; j < from.cols; ++j) {
      std::copy_n(from.col(j), i, to.col(j));
      std::copy(from.col(j) + i + 1, from.col(j) + from.rows, to.col(j) + i);
    }
  };
  without(data.x, x_);
  without(data.y, y_);
}

void PlainFold::dense(Index k, double ridge, Block theta, const Poll& poll) {
  path_.solve(x_.columns(0, k), y_, {k}, ridge, theta, nullptr, poll);
}

void PlainFold::retrained(const Index* order, Index s, double ridge, Block theta,
                          const Poll& poll) {
  retrainer_.start(x_, y_, s);
  retrainer_.solve(order, {&s, 1}, ridge, theta, poll);
}

}  // namespace overprune
