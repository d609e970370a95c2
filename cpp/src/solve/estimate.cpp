#include "overprune/estimate.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>

#include "base/check.hpp"
#include "base/team.hpp"
#include "base/workers.hpp"
#include "overprune/random.hpp"
#include "problem/scaled_data.hpp"
#include "solve/grid_fit.hpp"
#include "solve/support_folds.hpp"

namespace overprune {
namespace {

void check_estimate(ConstMatrix x, const Grid& grid, const RuleInputs& inputs) {
  check::at_least("X (rows)", x.rows, 2);
  check_grid(grid, x.cols);
  if (!grid.loss.takes_numbers())
    check::fail("loss must be square to leave rows out, got ", grid.loss.name());
  if (grid.compensate) check::fail("compensate must be false in estimate_risk, got true");
  for (const Rule rule : grid.rules) {
    check_cuts(rule, "leaving rows out");
    if (traits(rule).needs_truth)
      check::fail("rules must not need the truth to leave rows out, got ", name_of(rule));
  }
  if (inputs.curvature.size != 0) check::same("curvature", x.cols, inputs.curvature.size);
  check::finite("curvature", inputs.curvature);
  check::not_negative("curvature", inputs.curvature);
}

/// What all threads read, and the table they write to.
struct Estimate {
  FoldData data;
  const Grid& grid;  ///< in the units of the data
  const RuleInputs& inputs;
  std::vector<double> units;    ///< (m) of target_units, or empty
  std::vector<double> uniform;  ///< (p) scores of the rule `random`
  Block root_curvature;         ///< (p, n) column i without row i, or (p, 1); empty: not needed
  std::vector<double> unscale;  ///< (m) of errors
  RiskTable& table;
};

/// sqrt((X'X)_jj / (n - 1)) without row i, in column i.
void curvature_of_folds(ConstBlock x, Block out) {
  const Index n = x.rows;
  std::vector<double> before(n + 1), after(n + 1);
  for (Index j = 0; j < x.cols; ++j) {
    const double* column = x.col(j);
    for (Index i = 0; i < n; ++i) before[i + 1] = before[i] + column[i] * column[i];
    for (Index i = n; i > 0; --i) after[i - 1] = after[i] + column[i - 1] * column[i - 1];
    for (Index i = 0; i < n; ++i)
      out(j, i) = std::sqrt((before[i] + after[i + 1]) / static_cast<double>(n - 1));
  }
}

/// One thread's models of one size after the other.
class SizeFolds {
 public:
  explicit SizeFolds(const Estimate& estimate) : estimate_(estimate) {}

  void run(Index size, const Poll& poll) {
    const FoldData& data = estimate_.data;
    const Index n = data.x.rows, m = data.y.cols, k = estimate_.grid.sizes[size];
    const std::span<const Index> all = fitting(estimate_.grid, k);
    nonzeros_.assign(all.begin(), all.end());
    dense_.solve(data, k, estimate_.grid.ridge, poll);
    plain_.forget();
    const Index points = static_cast<Index>(nonzeros_.size() * estimate_.grid.rules.size());
    dense_error_ = dense_buffer_.block(m, n);
    pruned_error_ = pruned_buffer_.block(m, n * points);
    orders_.resize(estimate_.grid.rules.size());
    for (auto& orders : orders_) orders.resize(n);
    for (Index i = 0; i < n; ++i) {
      poll_now(poll);
      prune_fold(i, model(i, k, poll));
    }
    store("dense_risk", size, dense_error_, 1.0);
    for (Index r = 0; r < static_cast<Index>(orders_.size()); ++r)
      for (Index s = 0; s < static_cast<Index>(nonzeros_.size()); ++s) finish(size, r, s, poll);
  }

 private:
  /// The dense model of a fold, and its error.
  ConstBlock model(Index i, Index k, const Poll& poll) {
    const FoldData& data = estimate_.data;
    const Index m = data.y.cols;
    const Block theta = theta_.block(k, m);
    if (dense_.trusted(i)) {
      dense_.model(i, theta);
      std::copy_n(dense_.error(i), m, dense_error_.col(i));
      return theta;
    }
    plain_.take(data, i);
    plain_.dense(k, estimate_.grid.ridge, theta, poll);
    for (Index t = 0; t < m; ++t) {
      double left = data.y(i, t);
      for (Index j = 0; j < k; ++j) left -= data.x(i, j) * theta(j, t);
      dense_error_(t, i) = left;
    }
    return theta;
  }

  /// Orders of a fold, and the errors of its pruned models.
  void prune_fold(Index i, ConstBlock theta) {
    const FoldData& data = estimate_.data;
    const Index n = data.x.rows, m = data.y.cols, kept = static_cast<Index>(nonzeros_.size());
    if (kept == 0) return;
    for (Index r = 0; r < static_cast<Index>(orders_.size()); ++r) {
      Indices& order = orders_[r][i];
      find_order(estimate_.grid.rules[r], i, theta, order);
      for (Index t = 0; t < m; ++t) {
        double left = data.y(i, t);
        Index j = 0;
        for (Index s = 0; s < kept; ++s) {
          for (; j < nonzeros_[s]; ++j) left -= data.x(i, order[j]) * theta(order[j], t);
          pruned_error_(t, (r * kept + s) * n + i) = left;
        }
      }
    }
  }

  void find_order(Rule rule, Index i, ConstBlock theta, Indices& order) {
    const Index k = theta.rows, most = nonzeros_.back();
    if (!traits(rule).scores_coefficients)
      return top_k_order({estimate_.uniform.data(), k, 1}, most, selection_, order);
    if (!estimate_.units.empty()) {
      const Block common = common_.block(k, theta.cols);
      for (Index t = 0; t < theta.cols; ++t)
        for (Index j = 0; j < k; ++j) common(j, t) = theta(j, t) * estimate_.units[t];
      theta = common;
    }
    const int power = traits(rule).curvature_power;
    weights_.resize(power > 0 ? k : 0);
    const Block roots = estimate_.root_curvature;
    for (Index j = 0; j < static_cast<Index>(weights_.size()); ++j)
      weights_[j] = rank_weight(roots(j, roots.cols > 1 ? i : 0), power);
    scores_.resize(k);
    top_ranked_order({theta.data, k, theta.cols, 1, theta.ld}, vector_view(std::as_const(weights_)),
                     most, vector_view(scores_), selection_, order);
  }

  /// The risks of one point.
  void finish(Index size, Index rule, Index s, const Poll& poll) {
    const FoldData& data = estimate_.data;
    const Grid& grid = estimate_.grid;
    const Index n = data.x.rows, m = data.y.cols, kept = static_cast<Index>(nonzeros_.size()),
                count = nonzeros_[s];
    const Index point = (rule * static_cast<Index>(grid.sizes.size()) + size) *
                            static_cast<Index>(grid.nonzeros.size()) +
                        s;
    store("pruned_risk", point, pruned_error_.columns((rule * kept + s) * n, n), 1.0);
    if (!grid.retrain) return;
    if (count == grid.sizes[size] && trains_alike(grid))
      return store("retrained_risk", point, dense_error_, 1.0);
    folds_.solve(data, {orders_[rule], count}, grid.retrain_ridge, poll);
    const Block error = retrained_.block(m, n), theta = theta_.block(count, m);
    for (Index i = 0; i < n; ++i) {
      if (folds_.trusted(i)) {
        std::copy_n(folds_.error(i), m, error.col(i));
        continue;
      }
      const Indices& order = orders_[rule][i];
      plain_.take(data, i);
      plain_.retrained(order.data(), count, grid.retrain_ridge, theta, poll);
      for (Index t = 0; t < m; ++t) {
        double left = data.y(i, t);
        for (Index j = 0; j < count; ++j) left -= data.x(i, order[j]) * theta(j, t);
        error(t, i) = left;
      }
    }
    const double rows = static_cast<double>(n);
    store("retrained_risk", point, error,
          count < n ? std::sqrt(rows / (rows - static_cast<double>(count))) : dense_.dependence());
  }

  /// Mean and standard error of the squares, summed over targets. The errors depend on one another:
  /// their part along the dense errors as these do, the rest by a factor of its own.
  void store(const char* name, Index point, ConstBlock error, double rest) {
    const Index n = error.cols;
    const double rows = static_cast<double>(n);
    squares_.assign(n, 0.0);
    double mean = 0.0, spread = 0.0, along = 0.0, dense = 0.0;
    for (Index i = 0; i < n; ++i) {
      for (Index t = 0; t < error.rows; ++t) {
        const double own = error(t, i) * estimate_.unscale[t],
                     other = dense_error_(t, i) * estimate_.unscale[t];
        squares_[i] += own * own;
        along += own * other / rows;
        dense += other * other / rows;
      }
      mean += squares_[i] / rows;
    }
    if (!std::isfinite(mean))
      check::fail("X and y must have entries of less different size: the error of a row left out ",
                  "leaves the range of double precision");
    for (const double square : squares_) {
      const double relative = mean > 0.0 ? square / mean - 1.0 : 0.0;  // whose square is finite
      spread += relative * relative;
    }
    const double share =
        mean > 0.0 && dense > 0.0 ? std::min((along / mean) * (along / dense), 1.0) : 0.0;
    const double dependence = share * dense_.dependence() + (1.0 - share) * rest;
    estimate_.table[name][point] = mean;
    estimate_.table[std::string(name) + "_stderr"][point] =
        dependence * mean * std::sqrt(spread / (rows - 1.0) / rows);
  }

  const Estimate& estimate_;
  DenseFolds dense_;
  PlainFold plain_;
  SupportFolds folds_;
  Indices nonzeros_;                          // at most the size
  std::vector<std::vector<Indices>> orders_;  // (rules, n) features by falling score
  Block dense_error_, pruned_error_;          // (m, n) and (m, rules nonzeros n)
  std::vector<double> weights_, scores_, squares_;
  SelectionSpace selection_;
  Buffer dense_buffer_, pruned_buffer_, retrained_, theta_, common_;
};

RiskTable empty_table(const Grid& grid) {
  const Dimension rule{"rule", static_cast<Index>(grid.rules.size())},
      size{"size", static_cast<Index>(grid.sizes.size())},
      nonzeros{"nonzeros", static_cast<Index>(grid.nonzeros.size())};
  RiskTable table;
  for (const char* error : {"", "_stderr"}) {
    table.add("dense_risk" + std::string(error), {size});
    table.add("pruned_risk" + std::string(error), {rule, size, nonzeros});
    if (grid.retrain) table.add("retrained_risk" + std::string(error), {rule, size, nonzeros});
  }
  return table;
}

}  // namespace

RiskTable estimate_risk(ConstMatrix x, ConstMatrix y, const Grid& grid, const RuleInputs& inputs,
                        Index workers, const Poll& poll) {
  const Interruptible interruptible(poll);
  check::view("X", x);
  check::view("y", y);
  check::view("curvature", inputs.curvature);
  check::at_least("workers", workers, 1);
  const ScaledData scaled(x, y, std::min(grid.ridge, grid.retrain_ridge),
                          std::max(grid.ridge, grid.retrain_ridge));
  check_estimate(x, grid, inputs);
  Grid own = grid;
  own.ridge = scaled.ridge(grid.ridge);
  own.retrain_ridge = scaled.ridge(grid.retrain_ridge);
  RiskTable table = empty_table(grid);
  const Index n = x.rows, p = grid.sizes.back();
  Estimate estimate{{scaled.design, scaled.response}, own,  inputs, scaled.target_units(), {}, {},
                    scaled.response_units(),          table};
  Buffer roots;
  if (any_weighs_coefficients(grid.rules)) {
    const bool given = inputs.curvature.size > 0;
    estimate.root_curvature = roots.block(p, given ? 1 : n);
    if (given)
      for (Index j = 0; j < p; ++j) roots.get(p)[j] = std::sqrt(inputs.curvature(j));
    else
      curvature_of_folds(scaled.design.columns(0, p), estimate.root_curvature);
  }
  if (any_of_rules(grid.rules, &RuleTraits::needs_seed)) {
    estimate.uniform.resize(p);
    uniform({inputs.seed, inputs.stream, Purpose::scores}, 0, p, estimate.uniform.data());
  }
  // The largest sizes, which take longest, come first.
  const Index sizes = static_cast<Index>(grid.sizes.size());
  const auto start = [&]() -> Task {
    const auto folds = std::make_shared<SizeFolds>(estimate);
    return [=](Index i, const Poll& stop) { folds->run(sizes - 1 - i, stop); };
  };
  try {
    run_tasks(sizes, workers, start, [&](Index) { poll_now(poll); });
  } catch (const check::NanScores&) {
    check::unsolved();
  }
  return table;
}

}  // namespace overprune
