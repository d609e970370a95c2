// The precision of the triangles of sizes k > n: when float32 is taken, and when it is good enough.
#include <algorithm>

#include "kernels/table.hpp"
#include "solve/mixed_precision.hpp"
#include "solve/path_solver.hpp"

namespace overprune {

/// The triangle in the slot from the newest one and more columns, in the precision in use.
void WideSolver::append_columns(Block columns, Index slot) {
  const auto& kernel = kernels::active();
  const Index padded = columns.rows;
  hold(newest_, single_);
  double *from = triangles_.col(newest_ * padded), *to = triangles_.col(slot * padded);
  if (single_) {
    const BlockOf<float> added = narrow(columns, unit_, false);
    kernel.append_columns_single(padded, added.cols, reinterpret_cast<float*>(from), padded,
                                 added.data, added.ld, reinterpret_cast<float*>(to), padded);
  } else {
    kernel.append_columns(padded, columns.cols, from, padded, columns.data, columns.ld, to, padded);
  }
  slots_[slot].single = single_;
}

/// Converts the triangle in the slot, where it lies otherwise.
void WideSolver::hold(Index slot, bool single) {
  if (slots_[slot].single == single) return;
  const Index padded = triangles_.rows;
  const Block triangle = triangles_.columns(slot * padded, padded);
  if (single)
    narrow(triangle, unit_, true);
  else
    widen_triangle(triangle, unit_);
  slots_[slot].single = single;
}

/// Whether the slot's triangle of float32 is as sound as one from a Gram matrix must be. That is
/// less than to begin with: giving up costs a new triangle. Looks again only once the rows have
/// grown.
bool WideSolver::is_sound_single(Index slot) {
  const double largest = largest_norm();
  if (largest <= 2.0 * sound_norm_) return true;
  hold(slot, false);
  if (!looks_sound(slots_[slot].triangle, row_norm2_, kQuickFloor)) return false;
  sound_norm_ = largest;
  return true;
}

/// Goes over to float32 with size i where more are to come and the triangle is sound enough.
void WideSolver::try_single(const PathProblem& problem, Index i, Index slot) {
  const Index size = problem.sizes[i];
  if (!may_narrow_ || size == problem.sizes.back() || 4 * size < 5 * tried_) return;
  tried_ = size;
  if (!looks_sound(slots_[slot].triangle, row_norm2_, kSingleFloor)) return;
  sound_norm_ = largest_norm();
  unit_ = unit_of(sound_norm_);
  single_ = true;
}

/// Gives float32 up for the rest of the call: the next triangle is made from the beginning.
void WideSolver::leave_single(const PathProblem& problem) {
  may_narrow_ = single_ = false;
  appended_ = 0;
  sound_norm_ = 0.0;
  row_norm2_.assign(problem.x.rows, problem.lambda);
}

/// b = (L L')^{-1} b for the slot's triangle; `moved_` receives the squares of |L^{-1} b| where it
/// is of float32.
void WideSolver::solve_side(Index slot, Block b) {
  const Slot& own = slots_[slot];
  if (!own.single) return solve_normal(own.triangle, b);
  moved_.resize(b.cols);
  const auto* data = reinterpret_cast<const float*>(own.triangle.data);
  solve_normal({data, own.triangle.rows, own.triangle.cols, own.triangle.ld}, unit_, b,
               moved_.data(), single_side_);
}

/// The size of the step that the duals of a float32 triangle have made, from |L^{-1} r|^2 = da' A
/// da in `moved_` and y'a = a' A a, which theta has as its squared norm but for lambda.
void WideSolver::measure(const PathProblem& problem, Index slot, ConstBlock dual) {
  const Index n = problem.x.rows, m = problem.y.cols;
  size_.resize(m);
  for (Index c = 0; c < m; ++c) size_[c] = inner(n, problem.y.col(c), dual.col(c));
  Slot& own = slots_[slot];
  const double step = relative_step(std::span(moved_).first(m), std::span(size_).first(m));
  own.contraction = step / own.left;
  if (own.contraction <= kSlowContraction) own.rate = std::max(own.rate, own.contraction);
  own.left = step;
}

/// Whether float32 is good enough for all of the first `count` slots; `settled` where one
/// correction is all that their solutions need.
bool WideSolver::is_settled(Index count, bool& settled) const {
  settled = true;
  for (Index s = 0; s < count; ++s) {
    const Slot& own = slots_[s];
    if (!own.single) continue;
    if (!(own.left <= kSlowContraction)) return false;
    if (own.left * own.rate <= kSettled) continue;
    if (own.contraction > kNoProgress) return false;
    settled = false;
  }
  return true;
}

}  // namespace overprune
