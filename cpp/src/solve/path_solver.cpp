#include "solve/path_solver.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/table.hpp"
#include "overprune/random.hpp"
#include "solve/mixed_precision.hpp"

namespace overprune {

namespace {

/// Divides by the length and returns it.
double normalise(std::vector<double>& vector) {
  double sum = 0.0;
  for (const double value : vector) sum += value * value;
  const double length = std::sqrt(sum);
  for (double& value : vector) value /= length;
  return length;
}

/// A longer direction of length one: its new entries are random, for nothing is known of them.
void lengthen(std::vector<double>& direction, Index length) {
  const Index old = static_cast<Index>(direction.size());
  direction.resize(length);
  standard_normal({}, 0, length - old, direction.data() + old);
  for (Index i = old; i < length; ++i) direction[i] /= std::sqrt(static_cast<double>(length));
  normalise(direction);
}

/// y = op(M) x, M (r, c), where `lower` a triangle with nothing above its diagonal.
void multiply(ConstBlock matrix, bool lower, bool transpose, const double* x, double* y) {
  constexpr Index block = 64;  // columns that share their first row
  const auto& kernel = kernels::active();
  const Index step = lower ? block : matrix.cols;
  for (Index first = 0; first < matrix.cols; first += step) {
    const Index top = lower ? first : 0, rows = matrix.rows - top,
                cols = std::min(step, matrix.cols - first);
    if (transpose)
      kernel.gemm(true, false, cols, 1, rows, 1.0, matrix.col(first) + top, matrix.ld, x + top,
                  rows, 0.0, y + first, cols);
    else
      kernel.gemm(false, false, rows, 1, cols, 1.0, matrix.col(first) + top, matrix.ld, x + first,
                  cols, first == 0 ? 0.0 : 1.0, y + top, rows);
  }
}

}  // namespace

double ConditionEstimate::of(ConstBlock matrix, double lambda, ConstBlock triangle) {
  constexpr int at_first = 6, later = 1;
  const bool lower = matrix.data == triangle.data;
  const int iterations = large_.empty() ? at_first : later;
  if (large_.empty()) small_.clear();
  lengthen(large_, matrix.cols);
  lengthen(small_, triangle.rows);
  image_.resize(matrix.rows);
  double largest = 0.0, inverse = 0.0;
  for (int i = 0; i < iterations; ++i) {
    multiply(matrix, lower, false, large_.data(), image_.data());
    multiply(matrix, lower, true, image_.data(), large_.data());
    largest = normalise(large_);
    solve_normal(triangle, {small_.data(), triangle.rows, 1, triangle.rows});
    inverse = normalise(small_);
  }
  return std::max(1.0, std::sqrt((largest + lambda) * inverse));
}

void solve_normal(ConstBlock triangle, Block b) {
  const auto& kernel = kernels::active();
  for (const bool transpose : {false, true})
    kernel.solve_triangular(true, transpose, triangle.rows, b.cols, triangle.data, triangle.ld,
                            b.data, b.ld);
}

double relative_step(std::span<const double> moved, std::span<const double> size) {
  double largest = 0.0;
  for (std::size_t t = 0; t < moved.size(); ++t) {
    const double step = moved[t] == 0.0 ? 0.0 : std::sqrt(moved[t] / size[t]);
    if (!(step <= largest)) largest = step;
    if (std::isnan(largest)) break;
  }
  return largest;
}

void find_residual(const PathProblem& problem, Index k, ConstBlock theta, Block residual) {
  copy(problem.y, residual);
  each_block(problem.x.first(k), problem.space, problem.poll, [&](Index first, ConstBlock x) {
    kernels::active().gemm(false, false, x.rows, theta.cols, x.cols, -1.0, x.data, x.ld,
                           theta.data + first, theta.ld, 1.0, residual.data, residual.ld);
  });
}

/// Finds the columns of the first k that are not zero: zeros have no coefficients, and there may be
/// very many where k > n.
void OrthogonalSolver::keep_columns(const PathProblem& problem, Index k) {
  const Index n = problem.x.rows;
  kept_.clear();
  each_block(problem.x.first(k), problem.space, problem.poll, [&](Index first, ConstBlock x) {
    for (Index j = 0; j < x.cols; ++j)
      if (k <= n || std::any_of(x.col(j), x.col(j) + n, [](double value) { return value != 0.0; }))
        kept_.push_back(first + j);
  });
  if (kept_.empty()) kept_.push_back(0);
  // A support is solved the same whatever the order of its features.
  std::sort(kept_.begin(), kept_.end(),
            [&](Index a, Index b) { return problem.x.feature(a) < problem.x.feature(b); });
}

void OrthogonalSolver::solve(const PathProblem& problem, Index i) {
  ++solved_;
  const Index n = problem.x.rows, m = problem.y.cols, k = problem.sizes[i];
  const double root = std::sqrt(problem.lambda);
  keep_columns(problem, k);
  const Index own = static_cast<Index>(kept_.size());
  const bool stack = root > 0.0 && (k <= n || differ_in_size(problem, root));
  const Index beside = root > 0.0 && !stack ? n : 0;  // columns
  const Index rows = n + (stack ? own : 0), cols = own + beside;
  Block matrix = matrix_.block(rows, cols), rhs = rhs_.block(rows, m),
        solution = solution_.block(cols, m);
  fill(matrix, 0.0);
  fill(rhs, 0.0);
  problem.x.copy_chosen(kept_.data(), matrix.columns(0, own).top(n));
  copy(problem.y, rhs);
  for (Index j = 0; j < (stack ? own : beside); ++j)
    (stack ? matrix(n + j, j) : matrix(j, own + j)) = root;
  scale(matrix, stack);
  double condition = 1.0;
  const Index rank = kernels::active().min_norm(rows, cols, m, matrix.data, matrix.ld, rhs.data,
                                                rhs.ld, rank_threshold(n, root > 0.0 ? n + k : k),
                                                solution.data, solution.ld, &condition);
  const Block theta = problem.solution(i);
  fill(theta, 0.0);
  for (Index t = 0; t < m; ++t)
    for (Index c = 0; c < own; ++c) theta(kept_[c], t) = units_[c] * solution(c, t);
  problem.note(i, root > 0.0 ? k : rank, condition);
}

/// Brings the entries near one: all by one factor, for that changes no singular value relative to
/// another, or, where the rank is full, every column by its own. `units_` are the factors, powers
/// of two.
void OrthogonalSolver::scale(Block matrix, bool by_column) {
  const auto unit_for = [](ConstBlock block) {
    double largest = 0.0;
    for (Index j = 0; j < block.cols; ++j)
      for (Index i = 0; i < block.rows; ++i) largest = std::max(largest, std::abs(block(i, j)));
    return unit_of(largest);
  };
  units_.assign(matrix.cols, by_column ? 1.0 : unit_for(matrix));
  for (Index j = 0; j < matrix.cols; ++j) {
    if (by_column) units_[j] = unit_for(matrix.columns(j, 1));
    for (Index i = 0; i < matrix.rows; ++i) matrix(i, j) *= units_[j];
  }
}

/// Whether some column of [X; root I] is so much smaller than another that the rounding errors of
/// one product of all columns would be larger.
bool OrthogonalSolver::differ_in_size(const PathProblem& problem, double root) {
  double least = std::numeric_limits<double>::infinity(), most = root;
  const Index kept = static_cast<Index>(kept_.size()), width = cached_columns(problem.x.rows);
  for (Index first = 0; first < kept; first += width) {
    const Block columns = rhs_.block(problem.x.rows, std::min(width, kept - first));
    problem.x.copy_chosen(&kept_[first], columns);
    for (Index j = 0; j < columns.cols; ++j) {
      double largest = root;
      for (Index i = 0; i < columns.rows; ++i) largest = std::max(largest, std::abs(columns(i, j)));
      least = std::min(least, largest);
      most = std::max(most, largest);
    }
  }
  return least < kOrthogonalFloor * most;
}

namespace {

/// Whether the first k entries of the rows z' are finite: a later column beyond double's range may
/// spoil them.
bool is_finite(ConstBlock l, Index below, Index k, Index m) {
  for (Index j = 0; j < k; ++j)
    for (Index t = 0; t < m; ++t)
      if (!std::isfinite(l(below + t, j))) return false;
  return true;
}

}  // namespace

// [X'; y'] = [L; z'] Q with L L' = X'X and L z = X'y; ridge starts from L = root I. The leading
// rows serve every size: theta = L'^{-1} z.
void TallSolver::solve(const PathProblem& problem, Index count, OrthogonalSolver& fallback,
                       Buffer& memory) {
  const auto& kernel = kernels::active();
  const Index m = problem.y.cols, most = problem.sizes[count - 1],
              below = kernels::whole_tiles(most);
  norms_.resize(most);
  const Block l = factor(problem, most, memory);
  const Index trusted =
      judge_.trusted(l.columns(0, most).top(most), norms_, std::span(problem.sizes).first(count),
                     kOrthogonalFloor, problem.lambda > 0.0 ? RowUnit::own : RowUnit::largest);
  condition_.restart();
  for (Index i = 0; i < count; ++i) {
    poll_now(problem.poll);
    const Index k = problem.sizes[i];
    const Block theta = problem.solution(i);
    if (i >= trusted || !is_finite(l, below, k, m)) {
      fallback.solve(problem, i);
      continue;
    }
    const ConstBlock triangle{l.data, k, k, l.ld};
    for (Index t = 0; t < m; ++t)
      for (Index j = 0; j < k; ++j) theta(j, t) = l(below + t, j);
    kernel.solve_triangular(true, true, k, m, l.data, l.ld, theta.data, theta.ld);
    if (problem.lambda > 0.0) correct(problem, i, triangle);
    if (problem.info)
      problem.note(i, k,
                   condition_.of(problem.x.columns(0, k, problem.space), problem.lambda, triangle));
  }
}

/// L (most, most) and, from the next whole tile on, the rows z' of all targets.
Block TallSolver::factor(const PathProblem& problem, Index most, Buffer& memory) {
  const auto& kernel = kernels::active();
  const Index n = problem.x.rows, m = problem.y.cols, pivots = kernels::whole_tiles(most),
              rows = pivots + kernels::whole_tiles(m);
  const Block w = memory.block(rows, std::max(n, pivots));
  fill(w, 0.0);
  each_block(problem.x.first(most), problem.space, problem.poll, [&](Index first, ConstBlock x) {
    transpose(x, {w.data + first, x.cols, n, w.ld});
    for (Index j = 0; j < x.cols; ++j)
      norms_[first + j] = std::sqrt(norm2(x.columns(j, 1)) + problem.lambda);
  });
  for (Index t = 0; t < m; ++t)
    for (Index i = 0; i < n; ++i) w(pivots + t, i) = problem.y(i, t);
  const bool ridge = problem.lambda > 0.0;
  const Block l = ridge ? triangle_.block(rows, rows) : w;
  if (ridge) {
    fill(l, 0.0);
    for (Index j = 0; j < most; ++j) l(j, j) = std::sqrt(problem.lambda);
  }
  const Index width = columns_per_poll(2 * rows * pivots);
  for (Index first = 0; first < w.cols; first += width) {
    poll_now(problem.poll);
    const Index columns = std::min(width, w.cols - first);
    if (ridge)
      kernel.append_columns(rows, columns, l.data, l.ld, w.col(first), w.ld, l.data, l.ld);
    else
      kernel.lq(pivots, rows, first, first + columns, w.data, w.ld);
  }
  return l;
}

Index TallSolver::need(Index n, Index most, Index m, double ridge, MemoryNeed& need) {
  const Index pivots = kernels::whole_tiles(most), rows = pivots + kernels::whole_tiles(m),
              columns = std::max(n, pivots);
  need.hold(3 * most + (ridge > 0.0 ? rows * rows + n * m + most * m : 0));
  need.reflect(columns);
  if (m >= 4) need.product(most, m, 64);
  return rows * columns;
}

// theta += (L L')^{-1} (X'(y - X theta) - lambda theta): the LQ of [X', sqrt(lambda) I] errs
// relative to |y| / sqrt(lambda), which may be far above theta where the ridge is far above X'X.
void TallSolver::correct(const PathProblem& problem, Index i, ConstBlock triangle) {
  const Index n = problem.x.rows, m = problem.y.cols, k = triangle.rows;
  const Block theta = problem.solution(i), residual = residual_.block(n, m),
              step = step_.block(k, m);
  find_residual(problem, k, theta, residual);
  for (Index t = 0; t < m; ++t)
    for (Index j = 0; j < k; ++j) step(j, t) = -problem.lambda * theta(j, t);
  each_block(problem.x.first(k), problem.space, problem.poll, [&](Index first, ConstBlock x) {
    kernels::active().gemm(true, false, x.cols, m, n, 1.0, x.data, x.ld, residual.data, residual.ld,
                           1.0, step.data + first, step.ld);
  });
  solve_normal(triangle, step);
  for (Index t = 0; t < m; ++t)
    for (Index j = 0; j < k; ++j) theta(j, t) += step(j, t);
}

void PathSolver::solve(const Design& x, ConstBlock y, const Indices& sizes, double ridge,
                       Block theta, SolveInfo* info, const Poll& poll) {
  if (info) {
    info->rank.assign(sizes.size(), 0);
    info->condition.assign(sizes.size(), 1.0);
  }
  fill(theta, 0.0);
  const PathProblem problem{x,     y,    sizes, ridge * static_cast<double>(x.rows),
                            theta, info, poll,  space_};
  const Index tall = std::upper_bound(sizes.begin(), sizes.end(), x.rows) - sizes.begin();
  const Index wide = static_cast<Index>(sizes.size()) - tall;
  // The larger part of the memory comes first: to grow is to begin with fresh pages.
  if (wide > 0) triangles_.get(WideSolver::triangle_numbers(x.rows, x.cols, wide));
  if (tall > 0) tall_.solve(problem, tall, orthogonal_, triangles_);
  if (wide > 0) wide_.solve(problem, tall, orthogonal_, triangles_);
}

void PathSolver::need(Index n, Index p, Index m, const Indices& sizes, double ridge, bool streamed,
                      MemoryNeed& need) {
  const auto tall = std::upper_bound(sizes.begin(), sizes.end(), n);
  Index triangles = 0, drawn = std::min(cached_columns(n), sizes.back());
  if (tall != sizes.begin()) triangles = TallSolver::need(n, *(tall - 1), m, ridge, need);
  if (tall != sizes.end())
    triangles = std::max(
        triangles, WideSolver::need(n, p, m, std::span(tall, sizes.end()), ridge, drawn, need));
  need.hold(triangles + (streamed ? n * drawn : 0));
}

}  // namespace overprune
