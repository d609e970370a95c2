#include <algorithm>
#include <cmath>

#include "base/team.hpp"
#include "kernels/table.hpp"
#include "solve/mixed_precision.hpp"
#include "solve/path_solver.hpp"

namespace overprune {
namespace {

constexpr Index kLeap = 2;      // times n columns at once are a large step
constexpr Index kBatch = 8;     // sizes whose solutions and residuals are formed in one product
constexpr Index kTogether = 8;  // blocks of X's columns that are worth sharing among threads

/// Blocks of X's columns to multiply by so many columns at once. One thread reads them twice from
/// its cache, several share them. That changes no bit where a product takes in its depth in parts
/// that blocks are made of.
Index blocks_together(const Design& x, Index columns) {
  constexpr Index few = 64;  // rows that are not worth it, and may be multiplied another way
  const bool same = x.rows >= few && columns <= kernels::kSkinny &&
                    cached_columns(x.rows) % kernels::kSkinnyDepth == 0;
  return same && x.held() && team_size() > 1 ? kTogether : 1;
}

}  // namespace

void WideSolver::solve(const PathProblem& problem, Index first, OrthogonalSolver& fallback,
                       Buffer& memory) {
  const Index total = static_cast<Index>(problem.sizes.size());
  const Index batch = batch_of(problem.x.rows, problem.x.cols, total - first);
  start(problem, batch, memory);
  may_narrow_ =
      single_pays(problem.x.rows, problem.y.cols, std::span(problem.sizes).subspan(first));
  for (Index i = first; i < total;) {
    const Index count = std::min(batch, total - i);
    if (solve_batch(problem, i, count, fallback))
      i += count;
    else
      leave_single(problem);
  }
}

/// False where float32 is not good enough for a size.
bool WideSolver::solve_batch(const PathProblem& problem, Index i, Index count,
                             OrthogonalSolver& fallback) {
  for (Index s = 0; s < count; ++s) {
    poll_now(problem.poll);
    factor(problem, i + s, s);
  }
  for (bool settled = false; !settled;) {
    form(problem, i, count);
    advance(problem, 0, count);
    if (!is_settled(count, settled)) return false;
  }
  correct(problem, i, 0, count);
  for (Index s = 0; s < count; ++s) {
    poll_now(problem.poll);
    finish(problem, i + s, s, fallback);
  }
  return true;
}

// The triangles take no more memory than X does.
Index WideSolver::batch_of(Index n, Index p, Index sizes) {
  return std::clamp<Index>(p / n, 1, std::min(kBatch, sizes));
}

Index WideSolver::triangle_numbers(Index n, Index p, Index sizes) {
  const Index padded = kernels::whole_tiles(n);
  return padded * padded * batch_of(n, p, sizes);
}

// A large step needs the old triangle beside the new one, and hence two slots.
bool WideSolver::leaps(Index n, Index from, Index upto, Index batch) {
  return upto - from >= kLeap * n && (from == 0 || batch > 1);
}

Index WideSolver::need(Index n, Index p, Index m, std::span<const Index> sizes, double ridge,
                       Index& drawn, MemoryNeed& need) {
  const Index batch = batch_of(n, p, static_cast<Index>(sizes.size())), padded = padded_rows(n),
              cached = std::min(cached_columns(n), sizes.back());
  Index before = 0, step = 0;
  for (const Index size : sizes) {
    if (leaps(n, before, size, batch))
      drawn = std::max(drawn, std::min(size - before, columns_per_poll(n * n)));
    else
      step = std::max(step, size - (before == 0 && ridge == 0.0 ? n : before));
    before = size;
  }
  need.hold(padded * std::min(step, columns_per_poll(2 * n * n)) + 2 * n * batch * m + 5 * n +
            cached * batch * m);
  need.reflect(padded);
  need.product(cached, batch * m, n);
  return triangle_numbers(n, p, static_cast<Index>(sizes.size()));
}

void WideSolver::start(const PathProblem& problem, Index batch, Buffer& memory) {
  const Index n = problem.x.rows, m = problem.y.cols, padded = padded_rows(n);
  triangles_ = memory.block(padded, batch * padded);
  slots_.assign(batch, {});
  for (Index s = 0; s < batch; ++s) slots_[s].triangle = triangles_.columns(s * padded, n).top(n);
  if (problem.info) fill(triangles_, 0.0);  // only estimates look above a diagonal
  row_norm2_.assign(n, problem.lambda);
  appended_ = 0;
  sound_norm_ = 0.0;
  single_ = false;
  tried_ = 0;
  condition_.restart();
  duals_ = dual_buffer_.block(n, batch * m);
  residual_ = residual_buffer_.block(n, batch * m);
}

/// Squared norms of the rows of X, for the columns that come in now.
void WideSolver::count_norms(ConstBlock columns) {
  const double work =
      kTouch * static_cast<double>(columns.rows) * static_cast<double>(columns.cols);
  share_out(columns.rows, 64, work, [&](Index begin, Index end) {
    for (Index j = 0; j < columns.cols; ++j)
      for (Index i = begin; i < end; ++i) row_norm2_[i] += columns(i, j) * columns(i, j);
  });
}

/// The triangle before the first columns: with ridge that of none, else that of the first n (there
/// are more at every size).
void WideSolver::begin(const PathProblem& problem, Index slot) {
  const Index n = problem.x.rows, padded = triangles_.rows, width = columns_per_poll(2 * n * n);
  const Block triangle = triangles_.columns(slot * padded, padded);
  fill(triangle, 0.0);
  newest_ = slot;
  slots_[slot].single = false;
  if (problem.lambda > 0.0) {
    for (Index j = 0; j < n; ++j) triangle(j, j) = std::sqrt(problem.lambda);
    return;
  }
  problem.x.copy_columns(0, triangle.columns(0, n).top(n));
  count_norms(triangle.columns(0, n).top(n));
  for (Index first = 0; first < padded; first += width) {
    poll_now(problem.poll);
    kernels::active().lq(padded, padded, first, std::min(first + width, padded), triangle.data,
                         triangle.ld);
  }
  for (Index j = 0; j < padded; ++j) std::fill_n(triangle.col(j), j, 0.0);
  appended_ = n;
}

/// A large step by the Gram matrix L L' + X_new X_new' and its Cholesky factor, half of the work of
/// appending; false, with the newest triangle as it was, where the matrix is not conditioned well
/// enough.
bool WideSolver::leap(const PathProblem& problem, Index upto, Index slot) {
  const auto& kernel = kernels::active();
  const Index n = problem.x.rows, padded = triangles_.rows, width = columns_per_poll(n * n);
  const Block gram = triangles_.columns(slot * padded, padded);
  slots_[slot].single = false;
  if (appended_ == 0) {
    fill(gram, 0.0);
    for (Index j = 0; j < n; ++j) gram(j, j) = problem.lambda;
  } else {
    const bool single = slots_[newest_].single;
    hold(newest_, false);
    const Block old = triangles_.columns(newest_ * padded, padded);
    for (Index j = 0; j < n; ++j)
      std::fill_n(old.col(j), j, 0.0);  // what an earlier size left there
    fill(gram, 0.0);
    kernel.row_gram(n, n, old.data, old.ld, gram.data, gram.ld);
    hold(newest_, single);
  }
  for (Index done = appended_; done < upto; done += width) {
    poll_now(problem.poll);
    const ConstBlock x = problem.x.columns(done, std::min(width, upto - done), problem.space);
    kernel.row_gram(n, x.cols, x.data, x.ld, gram.data, gram.ld);
  }
  leap_norm2_.resize(n);
  for (Index j = 0; j < n; ++j) leap_norm2_[j] = gram(j, j);
  for (Index j = n; j < padded; ++j) gram(j, j) = 1.0;
  const bool definite = kernel.cholesky(padded, gram.data, gram.ld);
  for (Index j = n; j < padded; ++j) gram(j, j) = 0.0;
  if (!definite || !looks_sound(gram.columns(0, n).top(n), leap_norm2_, kQuickFloor)) return false;
  row_norm2_.swap(leap_norm2_);
  sound_norm_ = largest_norm();
  newest_ = slot;
  appended_ = upto;
  return true;
}

/// Makes the triangle of size `upto` in the slot from the newest triangle. The newest one changes
/// only where it lies in that slot.
void WideSolver::append(const PathProblem& problem, Index upto, Index slot) {
  const Index n = problem.x.rows, padded = triangles_.rows, most = columns_per_poll(2 * n * n);
  if (leaps(n, appended_, upto, static_cast<Index>(slots_.size())) && leap(problem, upto, slot))
    return;
  if (appended_ == 0) begin(problem, slot);
  while (appended_ < upto) {
    poll_now(problem.poll);
    const Index count = std::min(most, upto - appended_);
    Block columns = columns_.block(padded, count);
    problem.x.copy_columns(appended_, columns.top(n));
    count_norms(columns.top(n));
    for (Index c = 0; c < count; ++c) std::fill_n(columns.col(c) + n, padded - n, 0.0);
    append_columns(columns, slot);
    newest_ = slot;
    appended_ += count;
  }
}

/// Whether a triangle of rows with these squared norms is far enough from singular.
bool WideSolver::looks_sound(ConstBlock triangle, const std::vector<double>& row_norm2,
                             double floor) {
  norms_.resize(triangle.rows);
  for (Index j = 0; j < triangle.rows; ++j) norms_[j] = std::sqrt(row_norm2[j]);
  return judge_.trusted(triangle, norms_, std::span(&triangle.rows, 1), floor, RowUnit::largest) ==
         1;
}

double WideSolver::largest_norm() const {
  return std::sqrt(*std::max_element(row_norm2_.begin(), row_norm2_.end()));
}

/// Appending columns raises every pivot and the smallest singular value, so that a sound triangle
/// needs another look only once the rows have grown.
bool WideSolver::is_sound(ConstBlock triangle) {
  const double largest = largest_norm();
  if (sound_norm_ > 0.0 && largest <= 2.0 * sound_norm_) return true;
  if (!looks_sound(triangle, row_norm2_, kOrthogonalFloor)) return false;
  sound_norm_ = largest;
  return true;
}

/// The triangle of size i and its duals.
void WideSolver::factor(const PathProblem& problem, Index i, Index slot) {
  const Index m = problem.y.cols;
  append(problem, problem.sizes[i], slot);
  if (single_ && !is_sound_single(slot)) {
    leave_single(problem);
    append(problem, problem.sizes[i], slot);
  }
  Slot& own = slots_[slot];
  if (!single_) try_single(problem, i, slot);
  own.left = 1.0;
  own.rate = 0.0;
  own.sound = single_ || is_sound(own.triangle);
  const Block dual = duals_.columns(slot * m, m);
  if (!own.sound) {
    fill(dual, 0.0);
    return;
  }
  if (problem.info) {
    hold(slot, false);
    own.condition = condition_.of(own.triangle, 0.0, own.triangle);
  }
  hold(slot, single_);
  copy(problem.y, dual);
  solve_side(slot, dual);
}

/// theta = X_k' a for the sizes i, ..., i + count - 1 at once, and their residuals y - X theta,
/// from the same columns of X while they are in cache. Entries beyond a smaller size are zero.
void WideSolver::form(const PathProblem& problem, Index i, Index count) {
  const auto& kernel = kernels::active();
  const Index n = problem.x.rows, m = problem.y.cols, widest = problem.sizes[i + count - 1];
  const Block theta = problem.theta.columns(i * m, count * m).top(widest);
  for (Index s = 0; s < count; ++s) copy(problem.y, residual_.columns(s * m, m));
  each_block(
      problem.x.first(widest), problem.space, problem.poll,
      [&](Index first, ConstBlock x) {
        const Index width = x.cols;
        double* own = &theta(first, 0);
        kernel.gemm(true, false, width, count * m, n, 1.0, x.data, x.ld, duals_.data, duals_.ld,
                    0.0, own, theta.ld);
        for (Index s = 0; s < count; ++s) {
          const Index has = std::clamp<Index>(problem.sizes[i + s] - first, 0, width);
          for (Index c = s * m; c < (s + 1) * m; ++c)
            std::fill_n(&theta(first + has, c), width - has, 0.0);
        }
        kernel.gemm(false, false, n, count * m, width, -1.0, x.data, x.ld, own, theta.ld, 1.0,
                    residual_.data, residual_.ld);
      },
      blocks_together(problem.x, count * m));
}

/// One step of refinement of the duals in slots slot, ..., slot + count - 1. Their residuals come
/// from X, never from the triangle; steps take their place.
void WideSolver::advance(const PathProblem& problem, Index slot, Index count) {
  const Index n = problem.x.rows, m = problem.y.cols;
  const Block duals = duals_.columns(slot * m, count * m),
              residual = residual_.columns(slot * m, count * m);
  for (Index s = 0; s < count; ++s) {
    const Block own = residual.columns(s * m, m), dual = duals.columns(s * m, m);
    if (!slots_[slot + s].sound) {
      fill(own, 0.0);
      continue;
    }
    if (problem.lambda > 0.0)
      for (Index c = 0; c < m; ++c)
        for (Index r = 0; r < n; ++r) own(r, c) -= problem.lambda * dual(r, c);
    solve_side(slot + s, own);
    for (Index c = 0; c < m; ++c)
      for (Index r = 0; r < n; ++r) dual(r, c) += own(r, c);
    if (slots_[slot + s].single) measure(problem, slot + s, dual);
  }
}

/// The solutions of the sizes in slots slot, ..., slot + count - 1 follow the duals' last step.
void WideSolver::correct(const PathProblem& problem, Index i, Index slot, Index count) {
  const Index n = problem.x.rows, m = problem.y.cols, widest = problem.sizes[i + count - 1];
  const Block theta = problem.theta.columns(i * m, count * m).top(widest);
  const ConstBlock residual = residual_.columns(slot * m, count * m);
  moved_.assign(count * m, 0.0);
  size_.assign(count * m, 0.0);
  each_block(problem.x.first(widest), problem.space, problem.poll, [&](Index first, ConstBlock x) {
    const Block step = step_.block(x.cols, count * m);
    kernels::active().gemm(true, false, x.cols, count * m, n, 1.0, x.data, x.ld, residual.data,
                           residual.ld, 0.0, step.data, step.ld);
    for (Index s = 0; s < count; ++s) {
      const Index has = std::clamp<Index>(problem.sizes[i + s] - first, 0, x.cols);
      const Block own{&theta(first, s * m), has, m, theta.ld},
          change = step.columns(s * m, m).top(has);
      for (Index c = 0; c < m; ++c) {
        moved_[s * m + c] += norm2(change.columns(c, 1));
        size_[s * m + c] += norm2(own.columns(c, 1));
        for (Index r = 0; r < has; ++r) own(r, c) += change(r, c);
      }
    }
  });
  for (Index s = 0; s < count; ++s)
    slots_[slot + s].step =
        relative_step(std::span(moved_).subspan(s * m, m), std::span(size_).subspan(s * m, m));
}

void WideSolver::finish(const PathProblem& problem, Index i, Index slot,
                        OrthogonalSolver& fallback) {
  Slot& own = slots_[slot];
  if (own.sound && !(own.step <= kLargeCorrection)) {
    const Index m = problem.y.cols;
    const double first_step = own.step;
    find_residual(problem, problem.sizes[i], problem.solution(i), residual_.columns(slot * m, m));
    advance(problem, slot, 1);
    correct(problem, i, slot, 1);
    own.sound = own.step <= kNoProgress * first_step;
  }
  narrowed_ += own.single;
  if (!own.sound)
    fallback.solve(problem, i);
  else
    problem.note(i, problem.lambda > 0.0 ? problem.sizes[i] : problem.x.rows, own.condition);
}

}  // namespace overprune
