// Linear classifiers on the first k columns for many k; the solver of classifier_path. It keeps its
// memory between calls.
#pragma once

#include <initializer_list>
#include <span>

#include "base/block.hpp"
#include "base/memory_need.hpp"
#include "overprune/classifier.hpp"
#include "problem/design.hpp"
#include "solve/margin_fit.hpp"

namespace overprune {

/// Sizes that are small beside n are fitted in their k coefficients. The others are fitted in n
/// multipliers, for which X_k X_k' grows from size to size. Each size begins at the model of the
/// one before.
class ClassifierSolver {
 public:
  /// One call's arguments.
  struct Problem {
    Design x;                      ///< (n, p)
    ConstBlock labels;             ///< (n, m) -1 and 1
    std::span<const Index> sizes;  ///< (K) strictly increasing in [1, p]
    double ridge;
    const char* ridge_name;  ///< what an error calls it
    const Loss& loss;        ///< not square
    /// (at least sizes.back(), K m): column i m + t receives size i, target t, zero-padded
    Block theta;
    ClassifierInfo* info;  ///< may be null
  };

  /// @throws std::invalid_argument without a ridge: where a loss has no minimiser
  void solve(const Problem& problem, const Poll& poll);
  /// Which sizes a solver is to serve, for `need`.
  struct Use {
    std::span<const Index> sizes;
    double ridge;
  };
  /// Adds what a solver holds that serves all of `uses`, one after the other.
  /// @param streamed  whether the columns of X are drawn when read
  static void need(Index n, Index m, std::initializer_list<Use> uses, bool streamed,
                   MemoryNeed& need);

 private:
  static bool is_dual(Index n, Index k, double ridge);
  void solve_size(const Problem& problem, Index i, Index targets, const Poll& poll);
  void grow(const Problem& problem, Index k, const Poll& poll);
  MarginFit::Outcome fit_columns(const Problem& problem, Index i, Index t, const Poll& poll);
  MarginFit::Outcome fit_kernel(const Problem& problem, Index i, Index t, const Poll& poll);
  void model_of(const Problem& problem, Index i, Index t, const Poll& poll);

  OutputSystem system_;
  MarginFit fit_;
  Block kernel_;                 // (n, n) X_k X_k', both triangles
  Index grown_ = 0;              // columns of X in it
  Block multipliers_, outputs_;  // (n, m) -l'(z) and z of the size before
  std::vector<double> c_;        // (n) a
  Buffer kernel_buffer_, multiplier_buffer_, output_buffer_, space_;
};

}  // namespace overprune
