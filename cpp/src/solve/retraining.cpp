#include "solve/retraining.hpp"

#include <algorithm>
#include <cmath>

#include "base/team.hpp"
#include "kernels/table.hpp"

namespace overprune {

void RetrainSolver::start(const Design& x, ConstBlock y, Index most) {
  x_ = x;
  y_ = y;
  gram_.start(x, y, std::min(most, x.rows));
}

void RetrainSolver::need(Index n, Index p, Index m, Nonzeros nonzeros, double ridge, bool streamed,
                         MemoryNeed& need) {
  const auto large = std::upper_bound(nonzeros.begin(), nonzeros.end(), n);
  const Index small = large - nonzeros.begin(), held = small > 0 ? *(large - 1) : 0,
              most = nonzeros.back(), columns = std::min(kSupportGroup, small) * m,
              padded = kernels::whole_tiles(held);
  SupportGram::need(n, p, m, std::min(most, n), held, need);
  need.hold(padded * padded + held * m + 3 * held + (n + 3 * held) * columns);
  need.product(held, columns, n);
  need.product(n, columns, held);
  if (large == nonzeros.end()) return;
  const Indices redone(large, nonzeros.end());
  need.hold((streamed ? 0 : n * most) + most * static_cast<Index>(redone.size()) * m);
  PathSolver::need(n, most, m, redone, ridge, streamed, need);
}

void RetrainSolver::solve(const Index* order, Nonzeros nonzeros, double ridge, Block theta,
                          const Poll& poll) {
  const Index total = static_cast<Index>(nonzeros.size()), m = y_.cols;
  const Index small =
      std::upper_bound(nonzeros.begin(), nonzeros.end(), x_.rows) - nonzeros.begin();
  fill(theta, 0.0);
  redo_.clear();
  if (small > 0) {
    gram_.hold(order, nonzeros[small - 1], poll);
    solve_by_gram(nonzeros.first(small), ridge * static_cast<double>(x_.rows), theta);
  }
  for (Index i = small; i < total; ++i) redo_.push_back(i);
  if (redo_.empty()) return;
  redo_sizes_.clear();
  for (const Index i : redo_) redo_sizes_.push_back(nonzeros[i]);
  const Design columns = x_.gathered(order, redo_sizes_.back(), columns_);
  const Block again = redo_theta_.block(columns.cols, static_cast<Index>(redo_.size()) * m);
  path_.solve(columns, y_, redo_sizes_, ridge, again, nullptr, poll);
  for (std::size_t r = 0; r < redo_.size(); ++r)
    copy(again.columns(static_cast<Index>(r) * m, m), theta.columns(redo_[r] * m, m));
}

void RetrainSolver::solve_by_gram(Nonzeros nonzeros, double lambda, Block theta) {
  const auto& kernel = kernels::active();
  const Index total = static_cast<Index>(nonzeros.size()), most = nonzeros.back(), m = y_.cols;
  if (!factor(most, lambda)) {
    for (Index i = 0; i < total; ++i) redo_.push_back(i);
    return;
  }
  // L^{-1} X'y once; its first s rows are those of every leading block.
  const Block forward = forward_.block(most, m);
  for (Index t = 0; t < m; ++t)
    for (Index r = 0; r < most; ++r) forward(r, t) = gram_.response(gram_.slot(r), t);
  kernel.solve_triangular(true, false, most, m, factor_.data, factor_.ld, forward.data, forward.ld);
  for (Index first = 0; first < total; first += kSupportGroup) {
    // Zeros below row s stay zeros on the way back up, so that a group shares the largest block.
    const Index count = std::min(kSupportGroup, total - first), s = nonzeros[first + count - 1];
    const Block group = theta.columns(first * m, count * m);
    for (Index i = 0; i < count; ++i)
      copy(forward.top(nonzeros[first + i]), group.columns(i * m, m));
    kernel.solve_triangular(true, true, s, count * m, factor_.data, factor_.ld, group.data,
                            group.ld);
  }
  correct_points(nonzeros, lambda, theta);
  const Index sound = trusted(nonzeros, lambda > 0.0);
  for (Index i = 0; i < total; ++i)
    if (i >= sound || !is_settled(nonzeros, i, lambda, theta)) redo_.push_back(i);
}

/// For how many of the nonzeros the factor may be trusted. The Gram matrix is accurate relative to
/// the sizes of its columns, and so is its factor in their own units; but columns of very different
/// size may be rank-deficient for that alone.
Index RetrainSolver::trusted(Nonzeros nonzeros, bool ridge) {
  const Index most = nonzeros.back();
  const ConstBlock triangle = factor_.columns(0, most).top(most);
  const Index sound = judge_.trusted(triangle, norms_, nonzeros, kGramFloor, RowUnit::own);
  const auto [least, largest] = std::minmax_element(norms_.begin(), norms_.end());
  if (ridge || sound == 0 || *least >= kLevelColumns * *largest) return sound;
  return judge_.trusted(triangle, norms_, nonzeros.first(sound), kOrthogonalFloor,
                        RowUnit::largest);
}

/// The Gram matrix in the order of the scores, and its Cholesky factor; false where it has none.
bool RetrainSolver::factor(Index most, double lambda) {
  const Index padded = kernels::whole_tiles(most);
  factor_ = factor_buffer_.block(padded, padded);
  norms_.resize(most);
  share_out(most, 1, kTouch * static_cast<double>(most * most), [&](Index begin, Index end) {
    for (Index j = begin; j < end; ++j) {
      const Index slot = gram_.slot(j);
      double* column = factor_.col(j);
      for (Index i = j; i < most; ++i) column[i] = gram_.product(gram_.slot(i), slot);
      std::fill(column + most, column + padded, 0.0);
      column[j] += lambda;
      norms_[j] = std::sqrt(column[j]);
    }
  });
  for (Index j = most; j < padded; ++j) {  // an identity fills the last tile
    std::fill_n(factor_.col(j) + j, padded - j, 0.0);
    factor_(j, j) = 1.0;
  }
  return kernels::active().cholesky(padded, factor_.data, factor_.ld);
}

/// Corrects group after group, largest supports first, until there is nothing left to correct.
void RetrainSolver::correct_points(Nonzeros nonzeros, double lambda, Block theta) {
  const Index total = static_cast<Index>(nonzeros.size());
  steps_.assign(total, 0.0);
  for (Index end = total; end > 0;) {
    const Index count = std::min(kSupportGroup, end);
    end -= count;
    correct(nonzeros, end, count, lambda, theta);
    if (*std::max_element(steps_.begin() + end, steps_.begin() + end + count) <= kTinyCorrection)
      return;
  }
}

/// Whether point i needs no more; takes a second correction where the first was large.
bool RetrainSolver::is_settled(Nonzeros nonzeros, Index i, double lambda, Block theta) {
  const double first_step = steps_[i];
  if (first_step <= kLargeCorrection) return true;
  correct(nonzeros, i, 1, lambda, theta);
  return steps_[i] <= kNoProgress * first_step;
}

/// theta += (L L')^{-1} (X'(y - X theta) - lambda theta) for nonzeros number i, where
/// first <= i < first + count.
void RetrainSolver::correct(Nonzeros nonzeros, Index first, Index count, double lambda,
                            Block theta) {
  const auto& kernel = kernels::active();
  const ConstBlock columns = gram_.columns();
  const Index n = columns.rows, m = y_.cols, held = columns.cols,
              most = nonzeros[first + count - 1];
  const Block current = theta.columns(first * m, count * m),
              by_slot = by_slot_.block(held, count * m);
  const Block residual = residual_.block(n, count * m), gradient = gradient_.block(held, count * m);
  const Block step = step_.block(most, count * m);
  moved_.resize(m);
  size_.resize(m);
  fill(by_slot, 0.0);
  for (Index c = 0; c < count * m; ++c)
    for (Index r = 0; r < most; ++r) by_slot(gram_.slot(r), c) = current(r, c);
  for (Index i = 0; i < count; ++i) copy(y_, residual.columns(i * m, m));
  kernel.gemm(false, false, n, count * m, held, -1.0, columns.data, columns.ld, by_slot.data,
              by_slot.ld, 1.0, residual.data, residual.ld);
  kernel.gemm(true, false, held, count * m, n, 1.0, columns.data, columns.ld, residual.data,
              residual.ld, 0.0, gradient.data, gradient.ld);
  for (Index c = 0; c < count * m; ++c)
    for (Index r = 0; r < most; ++r)
      step(r, c) = gradient(gram_.slot(r), c) - lambda * current(r, c);
  kernel.solve_triangular(true, false, most, count * m, factor_.data, factor_.ld, step.data,
                          step.ld);
  for (Index i = 0; i < count; ++i)  // the first s rows are those of the leading block
    for (Index c = i * m; c < (i + 1) * m; ++c)
      std::fill(step.col(c) + nonzeros[first + i], step.col(c) + most, 0.0);
  kernel.solve_triangular(true, true, most, count * m, factor_.data, factor_.ld, step.data,
                          step.ld);
  for (Index i = 0; i < count; ++i) {
    const Block own = current.columns(i * m, m).top(nonzeros[first + i]);
    const Block change = step.columns(i * m, m).top(own.rows);
    for (Index c = 0; c < m; ++c) {
      moved_[c] = norm2(change.columns(c, 1));
      size_[c] = norm2(own.columns(c, 1));
      for (Index r = 0; r < own.rows; ++r) own(r, c) += change(r, c);
    }
    steps_[first + i] = relative_step(moved_, size_);
  }
}

}  // namespace overprune
