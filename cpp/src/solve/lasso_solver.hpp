// The lasso paths of one data set over its first k features, for sizes k that share the products of
// their columns.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "base/l1_walk.hpp"
#include "base/memory_need.hpp"
#include "problem/design.hpp"

namespace overprune {

/// Columns of X'X / n, kept from path to path: those that are about to enter are formed together.
class GramCache final : public GramColumns {
 public:
  /// @param x     (n, p) in units in which no square leaves double's range
  /// @param room  columns that are kept
  void start(ConstBlock x, Index room);
  /// Features of large |gradient| are likely to enter soon.
  void expect(const std::vector<double>& gradient) { gradient_ = &gradient; }
  void column(Index j, Index k, double* out) override;
  double diagonal(Index j) const override { return diagonal_[j]; }
  static Index need(Index n, Index p, Index room);

 private:
  void form(Index j, Index k);

  static constexpr Index kTogether = 8;
  ConstBlock x_;
  Index room_ = 0, next_ = 0;
  const std::vector<double>* gradient_ = nullptr;
  std::vector<double> diagonal_;      // (p)
  Indices slot_, owner_, together_;   // (p) or -1; (room) or -1; (kTogether)
  Buffer kept_, columns_, products_;  // (p, room), (n, kTogether), (p, kTogether)
  Block held_;
};

/// A model of a path, until the next one is made.
struct SparseModel {
  Indices support;                   ///< ascending
  std::vector<double> coefficients;  ///< of the support
  double penalty = 0.0;
  double suboptimality = 0.0;  ///< see LassoPath
};

/// Keeps its memory from call to call; not for two threads at once.
class LassoSolver {
 public:
  /// @param x     (n, p) in memory
  /// @param y     (n, 1)
  /// @param most  the most nonzeros of a model to come
  void start(ConstBlock x, ConstBlock y, Index most);
  /// Receives model number i, or null where the path has none.
  using Take = std::function<void(Index i, const SparseModel* model)>;
  /// The models of the first k features that stand for given nonzeros; see lasso_path.
  /// @param nonzeros  (L) strictly increasing, at most `most`
  void path(Index k, double ridge, std::span<const Index> nonzeros, const Take& take);
  /// The models at given penalties, in any order.
  void at(Index k, double ridge, std::span<const double> penalties, const Take& take);
  /// Whether models are measured by the conditions of optimality.
  bool measures = false;
  /// Adds what is held for X (n, p).
  static void need(Index n, Index p, Index most, MemoryNeed& need);

 private:
  void begin(Index k, double ridge, Index capacity);
  void record(Index k, double ridge);
  void polish(double ridge);
  void residual();
  double suboptimality(Index k, double ridge);

  ConstBlock x_, y_;
  Index most_ = 0;
  double spread_ = 1.0;                   // of the least column over the largest one, in length
  std::vector<double> linear_, weights_;  // (p) X'y / n; omega, or empty
  GramCache gram_;
  L1Walk walk_;
  SparseModel model_;
  Indices ranks_, order_;  // of the support while it is sorted; of penalties
  std::vector<double> theta_, residual_, step_;
  Buffer scaled_;
};

}  // namespace overprune
