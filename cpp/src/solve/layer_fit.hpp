// What is kept of a layer's rows, fitted again, with the loss on fresh rows that follows from it
// (docs/theory.md, section 12); and the damping that makes this least.
#pragma once

#include <span>
#include <vector>

#include "base/block.hpp"
#include "solve/rank.hpp"

namespace overprune {

/// A layer on its live inputs, in units in which neither moments nor weights leave double's range.
struct LayerProblem {
  Block moment;       ///< (p, p) H, both triangles, its diagonal positive
  Block weight;       ///< (p, m) column t is row t of the layer
  double rows = 0.0;  ///< n
  /// (n, p) X, held where rows of the layer may keep as many weights; else empty
  Block inputs;
};

/// What refitting one row gives.
struct RowFit {
  double training = 0.0, predicted = 0.0;  ///< mean squared errors
  double degrees = 0.0;                    ///< tr H_SS (H_SS + mu I)^+
  Index rank = 0;
};

/// The linear system of one row: (H_SS + mu I) change = pull, H_SS being given by `support`.
struct RowSystem {
  const LayerProblem& layer;
  const Indices& support;  ///< (s) ascending
  const double* off;       ///< (p) w off the support, zero on it
  const double* pull;      ///< (p) H off
  double unfitted;         ///< the loss without a refit
};

/// Rows that are fitted together: what their pruned weights did is one product. Large moments are
/// read from memory for each group.
inline constexpr Index row_group(Index inputs) { return inputs < 1000 ? 16 : 64; }

/// Fits one row after the other and keeps its memory. Not for two threads at once.
class RowRefit {
 public:
  /// @param change  (s) receives w'_S - w_S
  RowFit solve(const RowSystem& system, double damping, double* change);

  /// What the weights off the support did: pull (p) = H w_off and the loss w_off' H w_off.
  /// @param rows      (count) rows of the layer
  /// @param supports  (count) of them
  /// @param pull      (p, count)
  /// @param unfitted  (count)
  void prepare(const LayerProblem& layer, std::span<const Index> rows,
               std::span<const Indices> supports, Block pull, double* unfitted);
  /// (p) the weights off the support of row number `at` of `prepare`.
  const double* off(Index at) const { return prepared_.col(at); }

 private:
  bool by_cholesky(const RowSystem& system, double damping, double* change, RowFit& fit);
  bool by_dual(const RowSystem& system, double* change, RowFit& fit);
  bool factor(Block matrix, Index size);
  void by_eigenvectors(const RowSystem& system, double damping, double* change, RowFit& fit);

  Block prepared_;
  TriangleJudge judge_;
  std::vector<double> norms_, values_, turned_;
  Buffer matrix_, space_, off_, columns_;
};

/// H_SS, lower triangle, over the diagonal of `out` and below.
void gather_support(ConstBlock moment, const Indices& support, double damping, Block out);

/// The loss of rows with fixed supports as a function of the damping.
class DampingCurve {
 public:
  explicit DampingCurve(double rows) : rows_(rows) {}
  void add(const RowSystem& system);
  /// Mean predicted loss on fresh rows.
  double loss(double damping) const;
  /// The damping of least loss, between the bounds that grid holds.
  /// @param unit  mean diagonal of H
  double best(double unit) const;

 private:
  /// H_SS as a tridiagonal matrix, the pull in its basis, and its eigenvalues.
  struct Row {
    std::vector<double> diagonal, off, pull, values;
    double unfitted;
  };
  double row_loss(const Row& row, double damping) const;

  double rows_;
  std::vector<Row> kept_;
};

/// The dampings that are tried, relative to the mean diagonal of H.
std::vector<double> damping_grid(int count);

}  // namespace overprune
