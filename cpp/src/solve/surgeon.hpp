// Exact optimal brain surgeon: the removal that costs least, again and again, on one row of weights
// after the other. One pass gives every number of survivors.
#pragma once

#include <vector>

#include "base/block.hpp"

namespace overprune {

/// -A^{-1} over a definite A, both by their lower triangles.
/// @param a  (k, k)
/// @return false where A is not definite beyond rounding; what A holds then is undefined
bool negate_inverse(Block a, Buffer& space);

/// Sum of squares of L^{-1}, which is the trace of (L L')^{-1}, for a lower triangle L.
double inverse_norm2(ConstBlock lower, Buffer& space);

/// Throws that H is not positive semidefinite.
[[noreturn]] void refuse_indefinite();

/// H + mu I of a layer and its inverse, shared by all rows and their threads. Where it is singular
/// every variance is raised by a little: a limit in which what costs nothing is removed first.
class SurgeonMetric {
 public:
  /// @param moment  (p, p) H, both triangles; a variance may be zero
  SurgeonMetric(ConstBlock moment, double damping);

  Index size() const { return moment_.rows; }
  double entry(Index i, Index j) const { return i == j ? diagonal_[i] : moment_(i, j); }
  ConstBlock negative_inverse() const { return inverse_; }  ///< (p, p) lower triangle

 private:
  bool invert(double damping, double raise);

  ConstBlock moment_;
  std::vector<double> diagonal_;  // (p) of the metric
  Buffer inverse_buffer_;
  Block inverse_;
};

/// How many inputs of each group may be removed. Without groups any may be.
struct RemovalQuota {
  Indices group;  ///< (p) the group of each input; empty: none
  Indices most;   ///< (groups) removals
};

/// Works on one row at a time and keeps its memory. Not for two threads at once.
class Surgeon {
 public:
  /// Removes inputs until `keep` are left or the quota is used up.
  /// @param weights  (p) of the row, contiguous
  void run(const SurgeonMetric& metric, const double* weights, Index keep,
           const RemovalQuota& quota);

  Indices survivors() const;                                   ///< ascending
  const Indices& order() const { return order_; }              ///< inputs as they were removed
  const std::vector<double>& costs() const { return costs_; }  ///< what each removal cost

 private:
  void start(const double* weights, const RemovalQuota& quota);
  Index cheapest() const;
  void remove(Index at, const RemovalQuota& quota);
  void read_column(Index at);
  void apply();
  void compact();
  void refresh();
  double largest_inflation() const;

  static constexpr Index kPending =
      32;  // removals that wait until the inverse is brought up to date

  const SurgeonMetric* metric_ = nullptr;
  const double* row_ = nullptr;
  Indices active_, order_, used_;  // inputs still in the matrix; those removed; removals of groups
  std::vector<char> open_;         // (active) whether it is there and may be removed
  std::vector<char> gone_;         // (active) whether it has been removed
  std::vector<double> weight_, variance_;  // (active) w, and the diagonal of the inverse
  std::vector<double> costs_, moved_;
  double inflation_ = 0.0;  // the largest of the inverse when it was last made afresh
  Index pending_ = 0;
  Block inverse_, updates_;  // (p, p) -A^{-1}, lower; (p, kPending)
  Buffer inverse_buffer_, update_buffer_, column_, space_;
};

}  // namespace overprune
