#include "overprune/prune_path.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.hpp"
#include "base/limits.hpp"
#include "base/team.hpp"
#include "problem/scaled_data.hpp"
#include "solve/grid_fit.hpp"
#include "solve/labels.hpp"

namespace overprune {

void check_rules(const std::vector<Rule>& rules) {
  if (rules.empty()) check::fail("rules must not be empty");
  for (const Rule rule : rules) name_of(rule);  // refuses other numbers
  for (std::size_t r = 0; r < rules.size(); ++r)
    for (std::size_t q = 0; q < r; ++q)
      if (rules[q] == rules[r])
        check::fail("rules must be distinct, got ", name_of(rules[r]), " twice");
}

void check_one_target(Index targets) {
  if (targets != 1) check::fail("the rule lasso must have one target, got ", targets);
}

Indices Grid::fitting_nonzeros() const {
  const std::span<const Index> all = fitting(*this, sizes.back());
  return {all.begin(), all.end()};
}

void check_grid(const Grid& grid, Index p) {
  check::increasing("sizes", grid.sizes, 1, p);
  check::increasing("nonzeros", grid.nonzeros, 1, p);
  check_rules(grid.rules);
  for (const Rule rule : grid.rules)
    if (grid.compensate) check_cuts(rule, "compensation");
  if (!grid.loss.takes_numbers() && any_of_rules(grid.rules, &RuleTraits::trains_itself))
    check::fail("rules must cut down a dense model with loss ", grid.loss.name(), ", got lasso");
  check::nonnegative("ridge", grid.ridge);
  check::nonnegative("retrain_ridge", grid.retrain_ridge);
  if (grid.penalties.empty()) return;
  check::same("penalties (sizes times nonzeros)",
              static_cast<Index>(grid.sizes.size() * grid.nonzeros.size()),
              static_cast<Index>(grid.penalties.size()));
  for (const double penalty : grid.penalties)  // NaN: no model
    if (!std::isnan(penalty)) check::nonnegative("penalties", penalty);
}

namespace {

/// Copies what the engine finds into a PrunePathResult.
class StoringSink final : public GridSink {
 public:
  StoringSink(const Grid& grid, PrunePathResult& result) : grid_(grid), result_(result) {
    const auto sizes = grid.sizes.size(), rules = grid.rules.size(),
               nonzeros = grid.nonzeros.size();
    result.dense.assign(sizes * result.p * result.m, 0.0);
    result.order.assign(rules * sizes * result.most, -1);
    if (grid.retrain)
      result.retrained.assign(rules * sizes * nonzeros * result.most * result.m, 0.0);
    if (!any_of_rules(grid.rules, &RuleTraits::trains_itself)) return;
    SparseModels& lasso = result.lasso;
    lasso.count.assign(sizes * nonzeros, -1);
    lasso.support.assign(sizes * nonzeros * lasso.most, -1);
    lasso.pruned.assign(sizes * nonzeros * lasso.most, 0.0);
    if (grid.retrain) lasso.retrained = lasso.pruned;
    lasso.penalty.assign(sizes * nonzeros, kNaN);
    lasso.suboptimality = lasso.penalty;
  }
  void dense(ConstBlock theta) override {
    for (Index i = 0; i < static_cast<Index>(grid_.sizes.size()); ++i)
      for (Index j = 0; j < grid_.sizes[i]; ++j)
        for (Index t = 0; t < result_.m; ++t)
          result_.dense[(i * result_.p + j) * result_.m + t] = theta(j, i * result_.m + t);
    check::solved(result_.dense);  // before they are ranked
  }
  void pruned(Index size, Index rule, const Indices& order, ConstBlock,
              ConstBlock retrained) override {
    const Index sizes = static_cast<Index>(grid_.sizes.size()),
                nonzeros = static_cast<Index>(grid_.nonzeros.size());
    const Index point = rule * sizes + size;
    std::copy(order.begin(), order.end(), result_.order.begin() + point * result_.most);
    for (Index c = 0; c < retrained.cols; ++c)
      for (Index j = 0; j < retrained.rows; ++j)
        result_.retrained[((point * nonzeros + c / result_.m) * result_.most + j) * result_.m +
                          c % result_.m] = retrained(j, c);
  }
  void trained(Index size, Index, Index nonzeros, const SparseModel* model,
               ConstBlock retrained) override {
    if (model == nullptr) return;
    SparseModels& to = result_.lasso;
    const Index at = size * static_cast<Index>(grid_.nonzeros.size()) + nonzeros;
    const Index count = static_cast<Index>(model->support.size());
    to.count[at] = count;
    to.penalty[at] = model->penalty;
    to.suboptimality[at] = model->suboptimality;
    std::copy(model->support.begin(), model->support.end(), to.support.begin() + at * to.most);
    std::copy(model->coefficients.begin(), model->coefficients.end(),
              to.pruned.begin() + at * to.most);
    for (Index j = 0; j < retrained.rows; ++j) to.retrained[at * to.most + j] = retrained(j, 0);
  }
  void compensated(Index, Index, const Indices&, ConstBlock) override {}

 private:
  const Grid& grid_;
  PrunePathResult& result_;
};

/// Makes room for the models of a rule that trains its own.
void prepare_own(const Grid& grid, Index n, Index targets, PrunePathResult& result) {
  if (!any_of_rules(grid.rules, &RuleTraits::trains_itself)) return;
  check_one_target(targets);
  result.lasso.most = most_of_lasso(grid, n);
}

/// Models and penalties in the caller's units.
void unscale_own(const ScaledData& data, SparseModels& found) {
  for (double& penalty : found.penalty) penalty = data.unscaled_penalty(penalty);
  for (auto* models : {&found.pruned, &found.retrained}) {
    for (double& coefficient : *models) coefficient = data.unscaled(coefficient, 0);
    check::solved(*models);
  }
}

}  // namespace

PrunePathResult prune_path(ConstMatrix x, ConstMatrix y, const Grid& grid, const RuleInputs& inputs,
                           Index workers, const Poll& poll) {
  const Interruptible interruptible(poll);
  const TeamScope scope(workers);
  check::view("X", x);
  check::view("y", y);
  check::view("covariance", inputs.covariance);
  check::view("curvature", inputs.curvature);
  check::view("truth", inputs.truth);
  const ScaledData data(x, y, std::min(grid.ridge, grid.retrain_ridge),
                        std::max(grid.ridge, grid.retrain_ridge));
  check_grid(grid, x.cols);
  if (!grid.loss.takes_numbers()) {
    check_labels("y", y);
    check_loss_ridge("ridge", grid.loss, grid.ridge);
    if (grid.retrain) check_loss_ridge("retrain_ridge", grid.loss, grid.retrain_ridge);
  }
  if (grid.compensate)
    check::fail(
        "compensate must be false in prune_path, got true: compensate each pruned model by itself");
  if (inputs.curvature.size != 0) check::same("curvature", x.cols, inputs.curvature.size);
  check::finite("curvature", inputs.curvature);
  check::not_negative("curvature", inputs.curvature);
  if (any_of_rules(grid.rules, &RuleTraits::needs_truth)) {
    if (inputs.truth.rows != static_cast<Index>(grid.sizes.size()) ||
        inputs.truth.cols < grid.sizes.back())
      check::fail("truth must have, for the rule oracle, shape (", grid.sizes.size(), ", ", x.cols,
                  "), got (", inputs.truth.rows, ", ", inputs.truth.cols, ")");
    check::finite("truth", inputs.truth);
  }
  PrunePathResult result;
  result.p = x.cols;
  result.m = y.cols;
  if (const Indices fitting = grid.fitting_nonzeros(); !fitting.empty())
    result.most = fitting.back();
  prepare_own(grid, x.rows, y.cols, result);
  StoringSink sink(grid, result);
  Grid scaled = grid;
  scaled.ridge = data.ridge(grid.ridge);
  scaled.retrain_ridge = data.ridge(grid.retrain_ridge);
  for (double& penalty : scaled.penalties) penalty = data.penalty(penalty);
  try {
    FitInfo info;
    GridFit().run(data.design, data.response, scaled, inputs, sink, &info, poll,
                  data.target_units());
    result.info = std::move(info.squares);
    result.classifiers = std::move(info.classifiers);
  } catch (const check::NanScores&) {
    check::unsolved();
  }
  unscale_own(data, result.lasso);
  for (auto* models : {&result.dense, &result.retrained})
    for (auto model = models->begin(); model != models->end(); model += result.m)
      for (Index t = 0; t < result.m; ++t) model[t] = data.unscaled(model[t], t);
  check::solved(result.dense);
  check::solved(result.retrained);
  return result;
}

}  // namespace overprune
