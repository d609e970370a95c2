#include "kernels/table.hpp"
#include "path_solver.hpp"

namespace overprune {
namespace {

constexpr Index kBatch = 8;  // sizes whose solutions and residuals are formed in one product

}  // namespace

void WideSolver::solve(const PathProblem& problem, Index first, OrthogonalSolver& fallback) {
  const Index total = static_cast<Index>(problem.sizes.size()), m = problem.y.cols;
  // The copies of the triangle take no more memory than X does.
  const Index batch = std::clamp<Index>(problem.x.cols / problem.x.rows, 1, std::min(kBatch, total - first));
  start(problem, batch);
  double steps[kBatch];
  for (Index i = first; i < total; i += batch) {
    const Index count = std::min(batch, total - i);
    for (Index s = 0; s < count; ++s) {
      poll_now(problem.poll);
      factor(problem, i + s, s);
    }
    form(problem, i, count, duals_.columns(0, count * m), problem.theta.columns(i * m, count * m));
    correct(problem, i, 0, count, steps);
    for (Index s = 0; s < count; ++s) {
      poll_now(problem.poll);
      finish(problem, i + s, s, steps[s], fallback);
    }
  }
}

void WideSolver::start(const PathProblem& problem, Index batch) {
  const Index n = problem.x.rows;
  triangle_ = triangle_buffer_.block(n, n);
  fill(triangle_, 0.0);
  for (Index j = 0; j < n; ++j) triangle_(j, j) = std::sqrt(problem.lambda);
  row_norm2_.assign(n, problem.lambda);
  appended_ = 0;
  sound_norm_ = 0.0;
  slots_ = slot_buffer_.block(n, batch * n);
  duals_ = dual_buffer_.block(n, batch * problem.y.cols);
  sound_.assign(batch, 0);
}

// The columns of X are rows to the triangle: copied transposed, then folded in orthogonally.
void WideSolver::append(const PathProblem& problem, Index upto) {
  const Index n = problem.x.rows, most = columns_per_poll(2 * n * n);
  while (appended_ < upto) {
    poll_now(problem.poll);
    const Index count = std::min(most, upto - appended_);
    Block rows = rows_.block(count, n);
    for (Index c = 0; c < count; ++c) {
      const double* column = problem.x.col(appended_ + c);
      for (Index i = 0; i < n; ++i) {
        rows(c, i) = column[i];
        row_norm2_[i] += column[i] * column[i];
      }
    }
    kernels::active().append_rows(n, count, triangle_.data, triangle_.ld, rows.data, rows.ld);
    appended_ += count;
  }
}

/// Appending columns raises every pivot and the smallest singular value, so that a sound triangle needs
/// another look only once the rows have grown.
bool WideSolver::is_sound() {
  const double largest = std::sqrt(*std::max_element(row_norm2_.begin(), row_norm2_.end()));
  if (sound_norm_ > 0.0 && largest <= 2.0 * sound_norm_) return true;
  PivotMonitor monitor(kOrthogonalFloor);
  for (Index j = 0; j < triangle_.cols; ++j)
    monitor.see(triangle_.col(j), 1, triangle_(j, j), std::sqrt(row_norm2_[j]));
  if (monitor.sound()) sound_norm_ = largest;
  return monitor.sound();
}

/// Brings the triangle to size i, keeps a copy in the slot and solves for its duals.
void WideSolver::factor(const PathProblem& problem, Index i, Index slot) {
  const Index n = problem.x.rows, m = problem.y.cols, k = problem.sizes[i];
  append(problem, k);
  sound_[slot] = is_sound();
  copy(triangle_, slots_.columns(slot * n, n));
  const Block dual = duals_.columns(slot * m, m);
  if (sound_[slot]) {
    copy(problem.y, dual);
    solve_normal(triangle_of(slot), dual);
  } else {
    fill(dual, 0.0);
  }
}

/// theta = X_k' duals for the sizes i, ..., i + count - 1 at once; what a smaller size has not is zeroed.
void WideSolver::form(const PathProblem& problem, Index i, Index count, ConstBlock duals, Block theta) {
  const Index m = problem.y.cols, widest = problem.sizes[i + count - 1];
  kernels::active().gemm(true, false, widest, count * m, problem.x.rows, 1.0, problem.x.data, problem.x.ld,
                         duals.data, duals.ld, 0.0, theta.data, theta.ld);
  for (Index s = 0; s < count; ++s)
    for (Index c = s * m; c < (s + 1) * m; ++c)
      std::fill(theta.col(c) + problem.sizes[i + s], theta.col(c) + widest, 0.0);
}

/// One step of refinement: the residual y - X theta - lambda a comes from X, never from the triangle.
void WideSolver::correct(const PathProblem& problem, Index i, Index slot, Index count,
                         double* relative_steps) {
  const auto& kernel = kernels::active();
  const Index n = problem.x.rows, m = problem.y.cols, widest = problem.sizes[i + count - 1];
  Block residual = residual_.block(n, count * m), step = step_.block(widest, count * m);
  const Block theta = problem.theta.columns(i * m, count * m).top(widest);
  const Block duals = duals_.columns(slot * m, count * m);
  for (Index s = 0; s < count; ++s) copy(problem.y, residual.columns(s * m, m));
  kernel.gemm(false, false, n, count * m, widest, -1.0, problem.x.data, problem.x.ld, theta.data, theta.ld,
              1.0, residual.data, residual.ld);
  for (Index c = 0; c < count * m; ++c)
    for (Index r = 0; r < n; ++r) residual(r, c) -= problem.lambda * duals(r, c);
  for (Index s = 0; s < count; ++s) {
    const Block own = residual.columns(s * m, m);
    if (sound_[slot + s])
      solve_normal(triangle_of(slot + s), own);
    else
      fill(own, 0.0);
  }
  form(problem, i, count, residual, step);
  for (Index s = 0; s < count; ++s) {
    const double size = norm2(theta.columns(s * m, m)), change = norm2(step.columns(s * m, m));
    relative_steps[s] = change > 0.0 ? std::sqrt(change / size) : 0.0;
  }
  for (Index c = 0; c < count * m; ++c) {
    for (Index r = 0; r < widest; ++r) theta(r, c) += step(r, c);
    for (Index r = 0; r < n; ++r) duals(r, c) += residual(r, c);
  }
}

void WideSolver::finish(const PathProblem& problem, Index i, Index slot, double first_step,
                        OrthogonalSolver& fallback) {
  bool sound = sound_[slot];
  if (sound && !(first_step <= kLargeCorrection)) {
    double second_step = 0.0;
    correct(problem, i, slot, 1, &second_step);
    sound = second_step <= kNoProgress * first_step;
  }
  if (!sound)
    fallback.solve(problem, i);
  else if (problem.info)
    problem.note(i, problem.lambda > 0.0 ? problem.sizes[i] : problem.x.rows,
                 triangle_condition(triangle_of(slot)));
}

}  // namespace overprune
