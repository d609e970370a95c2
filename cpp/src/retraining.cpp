#include "retraining.hpp"

#include "kernels/table.hpp"

namespace overprune {

void RetrainSolver::solve(ConstBlock columns, ConstBlock y, const Indices& nonzeros, double ridge,
                          Block theta, const Poll& poll) {
  const Index total = static_cast<Index>(nonzeros.size()), m = y.cols;
  const Index small = std::upper_bound(nonzeros.begin(), nonzeros.end(), columns.rows) - nonzeros.begin();
  fill(theta, 0.0);
  std::vector<Index> redo;
  if (small > 0)
    redo = solve_by_gram(columns, y, nonzeros, small, ridge * static_cast<double>(columns.rows), theta, poll);
  for (Index i = small; i < total; ++i) redo.push_back(i);
  if (redo.empty()) return;
  Indices sizes;
  for (const Index i : redo) sizes.push_back(nonzeros[i]);
  const Block again = redo_.block(sizes.back(), static_cast<Index>(sizes.size()) * m);
  path_.solve(columns.columns(0, sizes.back()), y, sizes, ridge, again, nullptr, poll);
  for (std::size_t r = 0; r < redo.size(); ++r)
    copy(again.columns(static_cast<Index>(r) * m, m), theta.columns(redo[r] * m, m));
}

std::vector<Index> RetrainSolver::solve_by_gram(ConstBlock columns, ConstBlock y, const Indices& nonzeros,
                                                Index count, double lambda, Block theta, const Poll& poll) {
  const auto& kernel = kernels::active();
  const Index n = columns.rows, m = y.cols, most = nonzeros[count - 1];
  std::vector<Index> redo;
  factor_ = factor_buffer_.block(most, most);
  fill(factor_, 0.0);
  const Index chunk = columns_per_poll(most * most);
  for (Index first = 0; first < n; first += chunk) {
    poll_now(poll);
    kernel.gram(most, std::min(chunk, n - first), columns.data + first, columns.ld, factor_.data, factor_.ld);
  }
  std::vector<double> norms(most);
  for (Index j = 0; j < most; ++j) {
    factor_(j, j) += lambda;
    norms[j] = std::sqrt(factor_(j, j));
  }
  if (!kernel.cholesky(most, factor_.data, factor_.ld)) {
    for (Index i = 0; i < count; ++i) redo.push_back(i);
    return redo;
  }
  // L^{-1} X'y once; its first s rows are those of every leading block.
  const Block forward = forward_.block(most, m);
  kernel.gemm(true, false, most, m, n, 1.0, columns.data, columns.ld, y.data, y.ld, 0.0, forward.data,
              forward.ld);
  kernel.solve_triangular(true, false, most, m, factor_.data, factor_.ld, forward.data, forward.ld);
  for (Index i = 0; i < count; ++i) {
    const Block own = theta.columns(i * m, m);
    copy(forward.top(nonzeros[i]), own);
    kernel.solve_triangular(true, true, nonzeros[i], m, factor_.data, factor_.ld, own.data, own.ld);
  }
  std::vector<double> steps(count);
  correct(columns, y, nonzeros, 0, count, lambda, theta, steps.data());
  PivotMonitor monitor(kGramFloor);
  Index seen = 0;
  for (Index i = 0; i < count; ++i) {
    for (; seen < nonzeros[i]; ++seen)
      monitor.see(&factor_(seen, 0), factor_.ld, factor_(seen, seen),
                  norms[seen]);  // a row of L: a column of L'
    bool sound = monitor.sound();
    if (sound && !(steps[i] <= kLargeCorrection)) {
      double second = 0.0;
      correct(columns, y, nonzeros, i, 1, lambda, theta, &second);
      sound = second <= kNoProgress * steps[i];
    }
    if (!sound) redo.push_back(i);
  }
  return redo;
}

/// theta += (L L')^{-1} (X'(y - X theta) - lambda theta) for the nonzeros number first, ..., first + count
/// - 1.
void RetrainSolver::correct(ConstBlock columns, ConstBlock y, const Indices& nonzeros, Index first,
                            Index count, double lambda, Block theta, double* relative_steps) {
  const auto& kernel = kernels::active();
  const Index n = columns.rows, m = y.cols, most = nonzeros[first + count - 1];
  const Block current = theta.columns(first * m, count * m);
  const Block residual = residual_.block(n, count * m), step = step_.block(most, count * m);
  for (Index i = 0; i < count; ++i) copy(y, residual.columns(i * m, m));
  kernel.gemm(false, false, n, count * m, most, -1.0, columns.data, columns.ld, current.data, current.ld, 1.0,
              residual.data, residual.ld);
  kernel.gemm(true, false, most, count * m, n, 1.0, columns.data, columns.ld, residual.data, residual.ld, 0.0,
              step.data, step.ld);
  for (Index i = 0; i < count; ++i) {
    const Index s = nonzeros[first + i];
    const Block own = current.columns(i * m, m).top(s), change = step.columns(i * m, m).top(s);
    for (Index c = 0; c < m; ++c)
      for (Index r = 0; r < s; ++r) change(r, c) -= lambda * own(r, c);
    kernel.solve_triangular(true, false, s, m, factor_.data, factor_.ld, change.data, change.ld);
    kernel.solve_triangular(true, true, s, m, factor_.data, factor_.ld, change.data, change.ld);
    const double moved = norm2(change);
    relative_steps[i] = moved > 0.0 ? std::sqrt(moved / norm2(own)) : 0.0;
    for (Index c = 0; c < m; ++c)
      for (Index r = 0; r < s; ++r) own(r, c) += change(r, c);
  }
}

}  // namespace overprune
