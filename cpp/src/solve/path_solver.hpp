// Minimum-norm least squares on the first k columns for many k, theta_k = X_k^+ y. This is the
// solver of least_squares_path; it keeps its memory between calls.
#pragma once

#include "base/block.hpp"
#include "base/memory_need.hpp"
#include "base/pace.hpp"
#include "overprune/least_squares.hpp"
#include "problem/design.hpp"
#include "solve/rank.hpp"

namespace overprune {

/// A correction larger than this, relative to the solution, asks for a second one.
inline constexpr double kLargeCorrection = 1e-8;
/// A second correction larger than this times the first shows that the factor cannot be trusted.
inline constexpr double kNoProgress = 0.1;

/// One call's arguments, as all parts of the solver see them.
struct PathProblem {
  Design x;              ///< (n, p)
  ConstBlock y;          ///< (n, m)
  const Indices& sizes;  ///< (K) strictly increasing in [1, p]
  double lambda;         ///< n * ridge
  Block theta;  ///< (at least sizes.back(), K m): column i m + t is size i, target t, zero-padded
  SolveInfo* info;  ///< may be null
  const Poll& poll;
  Buffer& space;  ///< for columns of X

  Block solution(Index i) const { return theta.columns(i * y.cols, y.cols); }
  void note(Index i, Index rank, double condition) const {
    if (info) info->rank[i] = rank, info->condition[i] = condition;
  }
};

/// Estimates the 2-norm condition number of a triangle from size to size: power iterations on a
/// matrix with its singular values and on its inverse, begun where the size before left off.
class ConditionEstimate {
 public:
  void restart() { large_.clear(); }
  /// @param matrix    (r, c) with matrix' matrix + lambda I = L L', or the same of its transpose
  /// @param triangle  (k, k) L, lower
  double of(ConstBlock matrix, double lambda, ConstBlock triangle);

 private:
  // Directions of the largest and of the smallest singular value, and the image of one of them.
  std::vector<double> large_, small_, image_;
};

/// Size of a correction relative to what it corrects, of the target that it changes most: a larger
/// target must not hide it.
/// @param moved, size  (m) squared norms of the correction and of the solution
double relative_step(std::span<const double> moved, std::span<const double> size);

/// residual = y - X_k theta of the first k columns.
void find_residual(const PathProblem& problem, Index k, ConstBlock theta, Block residual);

/// b = (L L')^{-1} b for a lower triangle L (k, k).
void solve_normal(ConstBlock triangle, Block b);

/// Size i by a pivoted QLP decomposition: the slow, rank-revealing way.
class OrthogonalSolver {
 public:
  void solve(const PathProblem& problem, Index i);
  Index solved() const { return solved_; }  ///< how often `solve` has been called

 private:
  void keep_columns(const PathProblem& problem, Index k);
  void scale(Block matrix, bool by_column);
  bool differ_in_size(const PathProblem& problem, double root);

  Index solved_ = 0;
  Indices kept_;               // columns that are not zero
  std::vector<double> units_;  // of the columns of `matrix_`
  Buffer matrix_, rhs_, solution_;
};

/// Sizes k <= n: one triangle whose leading blocks serve every size.
class TallSolver {
 public:
  /// @param memory  for the triangle, until the call ends
  void solve(const PathProblem& problem, Index count, OrthogonalSolver& fallback, Buffer& memory);
  /// Adds what `solve` holds for X (n, most) and y (n, m). @return doubles of `memory`
  static Index need(Index n, Index most, Index m, double ridge, MemoryNeed& need);

 private:
  Block factor(const PathProblem& problem, Index most, Buffer& memory);
  void correct(const PathProblem& problem, Index i, ConstBlock triangle);

  std::vector<double> norms_;  // of the columns, with the ridge
  TriangleJudge judge_;
  ConditionEstimate condition_;
  Buffer triangle_, residual_, step_;
};

/// Sizes k > n: a lower triangle L with L L' = X_k X_k' + lambda I, carried from size to size;
/// theta = X_k' a with the dual solution a = (L L')^{-1} y, corrected with residuals taken from X
/// itself: once, or, where L is of float32 (mixed_precision.hpp), until they have done.
class WideSolver {
 public:
  /// @param memory  for the triangles, until the call ends
  void solve(const PathProblem& problem, Index first, OrthogonalSolver& fallback, Buffer& memory);
  /// How many of `sizes` sizes, at a design (n, p), keep their triangles until they are solved
  /// together.
  static Index batch_of(Index n, Index p, Index sizes);
  /// Doubles that hold the triangles of so many sizes above n.
  static Index triangle_numbers(Index n, Index p, Index sizes);
  /// Whether the step from one size (0: the first) to the next is large enough for a Gram matrix.
  static bool leaps(Index n, Index from, Index upto, Index batch);
  /// Adds what `solve` holds for X (n, p) and y (n, m).
  /// @param sizes  those above n
  /// @param drawn  columns of X that are read at once so far, and with these sizes
  /// @return doubles of `memory`
  static Index need(Index n, Index p, Index m, std::span<const Index> sizes, double ridge,
                    Index& drawn, MemoryNeed& need);
  Index narrowed() const { return narrowed_; }  ///< how many sizes had a triangle of float32

 private:
  void start(const PathProblem& problem, Index batch, Buffer& memory);
  void begin(const PathProblem& problem, Index slot);
  bool leap(const PathProblem& problem, Index upto, Index slot);
  void count_norms(ConstBlock columns);
  void append(const PathProblem& problem, Index upto, Index slot);
  bool looks_sound(ConstBlock triangle, const std::vector<double>& row_norm2, double floor);
  double largest_norm() const;
  bool is_sound(ConstBlock triangle);
  void append_columns(Block columns, Index slot);
  void factor(const PathProblem& problem, Index i, Index slot);
  void hold(Index slot, bool single);
  bool is_sound_single(Index slot);
  void try_single(const PathProblem& problem, Index i, Index slot);
  void leave_single(const PathProblem& problem);
  bool solve_batch(const PathProblem& problem, Index i, Index count, OrthogonalSolver& fallback);
  void form(const PathProblem& problem, Index i, Index count);
  void solve_side(Index slot, Block b);
  void advance(const PathProblem& problem, Index slot, Index count);
  void measure(const PathProblem& problem, Index slot, ConstBlock dual);
  bool is_settled(Index count, bool& settled) const;
  void correct(const PathProblem& problem, Index i, Index slot, Index count);
  void finish(const PathProblem& problem, Index i, Index slot, OrthogonalSolver& fallback);

  /// What is kept of a size until its batch is done.
  struct Slot {
    Block triangle;          // (n, n) L as it is at this size, zero above
    bool sound = false;      // whether L may be trusted
    double condition = 1.0;  // estimated where the caller wants to know
    double step = 0.0;       // size of the last correction relative to theta
    bool single = false;     // whether L lies there in float32
    double left = 1.0;       // size of the last step of the duals relative to them, in theta's norm
    double contraction = 0.0;  // the same relative to the step before
    double rate = 0.0;         // the largest contraction, steps that are rounding errors left out
  };

  Block triangles_;                 // (n, batch n) of all slots, in whole tiles
  Index newest_ = 0;                // slot of the triangle that has grown last
  Index appended_ = 0;              // columns of X in it
  std::vector<double> row_norm2_;   // (n) squared norms of the rows of X_k, plus lambda
  std::vector<double> leap_norm2_;  // (n) the same at the end of a large step
  std::vector<double> norms_;       // (n) their roots, when a triangle is looked at
  double sound_norm_ = 0.0;         // largest row norm when the triangle was last found sound, or 0
  std::vector<Slot> slots_;         // (batch)
  Block duals_, residual_;          // (n, batch m) a, and the residuals y - X theta - lambda a
  TriangleJudge judge_;
  // (batch m) squared norms of a correction and of what it corrects
  std::vector<double> moved_, size_;
  ConditionEstimate condition_;
  bool may_narrow_ = false;  // whether float32 is still worth trying
  bool single_ = false;      // whether the newest triangle has the accuracy of float32
  Index tried_ = 0;          // columns when float32 was last found too inaccurate
  Index narrowed_ = 0;       // sizes of all calls solved in float32
  double unit_ = 1.0;        // of float32 triangles
  std::vector<float> single_side_;
  Buffer dual_buffer_, columns_, residual_buffer_, step_;
};

class PathSolver {
 public:
  /// Fills `theta` (at least sizes.back(), K m); see PathProblem. Not for two threads at once.
  void solve(const Design& x, ConstBlock y, const Indices& sizes, double ridge, Block theta,
             SolveInfo* info, const Poll& poll);
  /// Adds what `solve` holds for X (n, p) and y (n, m), the rank-revealing way left out.
  /// @param streamed  whether the columns of X are drawn whenever they are read
  static void need(Index n, Index p, Index m, const Indices& sizes, double ridge, bool streamed,
                   MemoryNeed& need);
  /// How many sizes of all calls so far took the rank-revealing way.
  Index redone() const { return orthogonal_.solved(); }
  /// How many had a triangle of float32.
  Index narrowed() const { return wide_.narrowed(); }

 private:
  Buffer triangles_;  // of tall_, then of wide_
  Buffer space_;
  TallSolver tall_;
  WideSolver wide_;
  OrthogonalSolver orthogonal_;
};

}  // namespace overprune
