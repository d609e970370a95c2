// Results over a grid as Eigen's matrices. Part of overprune/eigen.hpp.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "overprune/eigen/views.hpp"
#include "overprune/prune_path.hpp"

namespace overprune {

namespace eigen_detail {

template <class T>
Index position(const std::vector<T>& values, const T& value, const char* what) {
  const auto found = std::find(values.begin(), values.end(), value);
  if (found == values.end()) throw std::invalid_argument(std::string(what) + " is not in the grid");
  return found - values.begin();
}

inline Index position(const Grid& grid, Rule rule) {
  return position(grid.rules, rule, (std::string("rule '") + name_of(rule) + "'").c_str());
}

inline Index position(const Indices& values, Index value, const char* name) {
  return position<Index>(values, value, (name + (" " + std::to_string(value))).c_str());
}

inline void check_table(const std::vector<double>& values, Index row) {
  if (row == 0 || Index(values.size()) % row != 0)
    throw std::invalid_argument("values must be an array over the grid, a multiple of " +
                                std::to_string(row) + " numbers, got " +
                                std::to_string(values.size()));
}

}  // namespace eigen_detail

/// The result of `prune_path`, by rule, size and nonzeros. Its functions throw
/// std::invalid_argument for what is not in the grid, or for more nonzeros than features.
class PrunePath {
 public:
  /// @param grid   of the run
  /// @param found  its result
  PrunePath(Grid grid, PrunePathResult found) : grid_(std::move(grid)), found_(std::move(found)) {}

  /// The arrays, with rank and condition of each size.
  /// @return in C order
  const PrunePathResult& result() const { return found_; }

  /// The dense model.
  /// @param size  k
  /// @return (p, m), zero from row k on
  Eigen::MatrixXd dense(Index size) const {
    const Index i = eigen_detail::position(grid_.sizes, size, "size");
    return eigen_map(row_major(found_.dense.data() + i * found_.p * found_.m, found_.p, found_.m));
  }

  /// The features that survive.
  /// @param rule      that chose
  /// @param size      k
  /// @param nonzeros  s
  /// @return (s) ascending
  Indices support(Rule rule, Index size, Index nonzeros) const {
    const Index* order = ranking(rule, size, nonzeros);
    Indices chosen(order, order + nonzeros);
    std::sort(chosen.begin(), chosen.end());
    return chosen;
  }

  /// The pruned model.
  /// @param rule      that chose
  /// @param size      k
  /// @param nonzeros  s
  /// @return (p, m)
  Eigen::MatrixXd pruned(Rule rule, Index size, Index nonzeros) const {
    const Indices chosen = support(rule, size, nonzeros);
    const Eigen::MatrixXd theta = dense(size);
    Eigen::MatrixXd kept = Eigen::MatrixXd::Zero(theta.rows(), theta.cols());
    for (const Index feature : chosen)
      kept.row(Eigen::Index(feature)) = theta.row(Eigen::Index(feature));
    return kept;
  }

  /// The model trained again on its support.
  /// @param rule      that chose
  /// @param size      k
  /// @param nonzeros  s
  /// @return (p, m), zero off the support
  /// @throws std::invalid_argument where the run was without retraining
  Eigen::MatrixXd retrained(Rule rule, Index size, Index nonzeros) const {
    if (found_.retrained.empty())
      throw std::invalid_argument("the grid was run without retraining");
    const Index* order = ranking(rule, size, nonzeros);
    const Index point = cell(rule, size) * Index(grid_.nonzeros.size()) +
                        eigen_detail::position(grid_.nonzeros, nonzeros, "nonzeros");
    const double* values = found_.retrained.data() + point * found_.most * found_.m;
    Eigen::MatrixXd theta = Eigen::MatrixXd::Zero(Eigen::Index(found_.p), Eigen::Index(found_.m));
    for (Index i = 0; i < nonzeros; ++i)
      for (Index t = 0; t < found_.m; ++t)
        theta(Eigen::Index(order[i]), Eigen::Index(t)) = values[i * found_.m + t];
    return theta;
  }

 private:
  Index cell(Rule rule, Index size) const {
    return eigen_detail::position(grid_, rule) * Index(grid_.sizes.size()) +
           eigen_detail::position(grid_.sizes, size, "size");
  }
  const Index* ranking(Rule rule, Index size, Index nonzeros) const {
    eigen_detail::position(grid_.nonzeros, nonzeros, "nonzeros");
    if (nonzeros > size)
      throw std::invalid_argument("nonzeros must be at most the size " + std::to_string(size) +
                                  ", got " + std::to_string(nonzeros));
    return found_.order.data() + cell(rule, size) * found_.most;
  }

  Grid grid_;
  PrunePathResult found_;
};

/// Trains, prunes and retrains over the whole grid, with all factors shared; see prune_path.hpp.
/// @param x       (n, p), finite
/// @param y       (n) or (n, m), finite
/// @param grid    sizes, nonzeros, rules and ridges
/// @param inputs  what the rules need beyond theta: views, see `matrix_view` and `vector_view`
/// @param workers  threads, at least 1
/// @param poll    called between points; may throw to stop
/// @return the models by rule, size and nonzeros
/// @throws std::invalid_argument for mismatched, empty or non-finite input, or a grid out of range
template <EigenDense X, EigenDense Y>
PrunePath prune_path(const X& x, const Y& y, const Grid& grid, const RuleInputs& inputs = {},
                     Index workers = 1, const std::function<void()>& poll = {}) {
  const eigen_detail::Held<X> held_x(x);
  const eigen_detail::Held<Y> held_y(y);
  return {grid, prune_path(held_x.matrix(), held_y.matrix(), grid, inputs, workers, poll)};
}

/// Predicted risks of one rule as a table on the result's own memory.
/// @param values  (R, K, S) `pruned_risk` or `retrained_risk` of a prediction, which must
/// outlive the table
/// @param grid    of the prediction
/// @param rule    one of the grid's
/// @return (K, S)
/// @throws std::invalid_argument for a rule that is not in the grid, or an array of another length
inline EigenTable predicted_table(const std::vector<double>& values, const Grid& grid, Rule rule) {
  const Index k = Index(grid.sizes.size()), s = Index(grid.nonzeros.size());
  eigen_detail::check_table(values, Index(grid.rules.size()) * k * s);
  return {values.data() + eigen_detail::position(grid, rule) * k * s, Eigen::Index(k),
          Eigen::Index(s), Eigen::OuterStride<>(Eigen::Index(s))};
}
EigenTable predicted_table(std::vector<double>&&, const Grid&, Rule) = delete;

/// Simulated risks of the dense models as a table on the result's own memory.
/// @param values  (T, K) `dense_risk` of a simulation, which must outlive the table
/// @param grid    of the simulation
/// @return (T, K)
/// @throws std::invalid_argument for an array of another length
inline EigenTable trial_table(const std::vector<double>& values, const Grid& grid) {
  const Index k = Index(grid.sizes.size());
  eigen_detail::check_table(values, k);
  return {values.data(), Eigen::Index(Index(values.size()) / k), Eigen::Index(k),
          Eigen::OuterStride<>(Eigen::Index(k))};
}
EigenTable trial_table(std::vector<double>&&, const Grid&) = delete;

/// Simulated risks of one rule and size as a table on the result's own memory.
/// @param values  (T, R, K, S) `pruned_risk` or `retrained_risk` of a simulation, which must
/// outlive the table
/// @param grid    of the simulation
/// @param rule    one of the grid's
/// @param size    one of the grid's
/// @return (T, S)
/// @throws std::invalid_argument for a rule or size that is not in the grid, or an array of another
/// length
inline EigenTable trial_table(const std::vector<double>& values, const Grid& grid, Rule rule,
                              Index size) {
  const Index k = Index(grid.sizes.size()), s = Index(grid.nonzeros.size());
  const Index row = Index(grid.rules.size()) * k * s;
  eigen_detail::check_table(values, row);
  const Index cell =
      eigen_detail::position(grid, rule) * k + eigen_detail::position(grid.sizes, size, "size");
  return {values.data() + cell * s, Eigen::Index(Index(values.size()) / row), Eigen::Index(s),
          Eigen::OuterStride<>(Eigen::Index(row))};
}
EigenTable trial_table(std::vector<double>&&, const Grid&, Rule, Index) = delete;

}  // namespace overprune
