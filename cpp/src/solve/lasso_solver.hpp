// The lasso paths of one data set over its first k features, for sizes k that share the products of
// their columns.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "base/l1_walk.hpp"
#include "base/memory_need.hpp"
#include "problem/design.hpp"
#include "solve/left_out.hpp"

namespace overprune {

/// Columns of X'X / n, kept from path to path: those that are about to enter are formed together.
class GramCache final : public GramColumns {
 public:
  /// @param x         (n, p) in units in which no square leaves double's range
  /// @param diagonal  (p) of X'X / n
  /// @param room      columns that are kept
  void start(ConstBlock x, std::span<const double> diagonal, Index room);
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
  /// A path of more than four times as many features is followed over about so many that are near
  /// to enter, and the others are left out; 0: over all. Set before `start`. Only paths over all
  /// share products.
  Index live = 0;
  /// Adds what is held for X (n, p).
  static void need(Index n, Index p, Index most, MemoryNeed& need);

 private:
  /// A model of the walk at a kink.
  struct Kink {
    double penalty = 0.0;
    Indices support;
    std::vector<double> signs, coefficients;
  };

  double weight(Index j) const { return weights_.empty() ? 1.0 : weights_[j]; }
  void begin(Index k, double ridge, Index capacity);
  void start_walk();
  void choose_live();
  void go_back();
  bool holds();
  /// Moves to a penalty; `visit` asks whether all `holds`.
  bool reach(double penalty, const L1Walk::Visit& visit);
  void name_support();
  void record();
  void polish();
  void find_residual(const Indices& support, const std::vector<double>& theta);
  double suboptimality();
  Block fitted(Index s) { return fitted_.block(x_.rows, most_ + 1).columns(0, s); }

  ConstBlock x_, y_;
  Index most_ = 0;
  double spread_ = 1.0;                   // of the least column over the largest one, in length
  std::vector<double> linear_, weights_;  // (p) X'y / n; omega, or empty
  std::vector<double> variances_;         // (p) the diagonal of X'X / n
  Index k_ = 0, capacity_ = 0;            // of the walk
  double ridge_ = 0.0;
  // Where features are left out: those that are not, ascending, with their columns and entries of
  // the above; those that should have entered; the kink to go back to.
  Indices live_, entering_;
  std::vector<double> live_linear_, live_variances_;
  Buffer live_columns_;
  LeftOut left_out_;
  Kink kink_;
  double chosen_at_ = 0.0;  // penalty
  GramCache gram_;
  L1Walk walk_;
  SparseModel model_;
  Indices support_;        // the walk's, as features of X
  Indices ranks_, order_;  // of the support while it is sorted; of penalties
  std::vector<double> theta_, residual_, step_;
  Indices fitted_support_;  // whose columns `fitted` holds
  Buffer scaled_, fitted_;  // (n, p), or nothing; (n, most + 1)
};

}  // namespace overprune
