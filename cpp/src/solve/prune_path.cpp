#include "overprune/prune_path.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.hpp"
#include "base/limits.hpp"
#include "base/team.hpp"
#include "overprune/random.hpp"
#include "problem/scaled_data.hpp"
#include "solve/grid_fit.hpp"

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
  return {nonzeros.begin(), std::upper_bound(nonzeros.begin(), nonzeros.end(), sizes.back())};
}

void check_grid(const Grid& grid, Index p) {
  check::increasing("sizes", grid.sizes, 1, p);
  check::increasing("nonzeros", grid.nonzeros, 1, p);
  check_rules(grid.rules);
  for (const Rule rule : grid.rules)
    if (grid.compensate) check_cuts(rule, "compensation");
  check::nonnegative("ridge", grid.ridge);
  check::nonnegative("retrain_ridge", grid.retrain_ridge);
  if (grid.penalties.empty()) return;
  check::same("penalties (sizes times nonzeros)",
              static_cast<Index>(grid.sizes.size() * grid.nonzeros.size()),
              static_cast<Index>(grid.penalties.size()));
  for (const double penalty : grid.penalties)  // NaN: no model
    if (!std::isnan(penalty)) check::nonnegative("penalties", penalty);
}

void keep_first(ConstBlock theta, const Indices& order, std::span<const Index> nonzeros,
                Block out) {
  const Index m = theta.cols;
  fill(out, 0.0);
  for (Index a = 0; a < static_cast<Index>(nonzeros.size()); ++a)
    for (Index t = 0; t < m; ++t)
      for (Index j = 0; j < nonzeros[a]; ++j) out(j, a * m + t) = theta(order[j], t);
}

void GridFit::run(const Design& x, ConstBlock y, const Grid& grid, const RuleInputs& inputs,
                  GridSink& sink, SolveInfo* info, const Poll& poll,
                  std::span<const double> units) {
  units_ = units;
  const Index m = y.cols, sizes = static_cast<Index>(grid.sizes.size());
  const Block dense = dense_.block(grid.sizes.back(), sizes * m);
  path_.solve(x.first(grid.sizes.back()), y, grid.sizes, grid.ridge, dense, info, poll);
  sink.dense(dense);
  prepare_scores(x, grid, inputs, poll);
  const auto fitting =
      std::upper_bound(grid.nonzeros.begin(), grid.nonzeros.end(), grid.sizes.back());
  if (fitting == grid.nonzeros.begin()) return;
  const bool own = any_of_rules(grid.rules, &RuleTraits::trains_itself);
  if (own) check_one_target(m);
  if (grid.retrain)
    retrainer_.start(x, y, std::max(*(fitting - 1), own ? most_of_lasso(grid, x.rows) : 0));
  // Neighbouring sizes share most of a rule's support, whose products the retrainer keeps.
  done_.assign(grid.rules.size() * grid.sizes.size(), 0);
  for (Index r = 0; r < static_cast<Index>(grid.rules.size()); ++r) {
    if (traits(grid.rules[r]).trains_itself) {
      run_own(x, y, r, grid, sink, poll);
      continue;
    }
    for (Index i = 0; i < sizes; ++i) {
      poll_now(poll);
      if (!done_[r * sizes + i])
        run_point(i, r, dense.columns(i * m, m).top(grid.sizes[i]), grid, inputs, sink, poll);
    }
  }
}

Index most_of_lasso(const Grid& grid, Index n) {
  const Indices nonzeros = grid.fitting_nonzeros();
  if (grid.penalties.empty()) return nonzeros.empty() ? 0 : nonzeros.back();
  return grid.ridge > 0.0 ? grid.sizes.back() : std::min(n, grid.sizes.back());
}

void GridFit::run_own(const Design& x, ConstBlock y, Index rule, const Grid& grid, GridSink& sink,
                      const Poll& poll) {
  const Index kept = static_cast<Index>(grid.nonzeros.size());
  lasso_.start(x.first(grid.sizes.back()).columns(0, grid.sizes.back(), design_), y,
               most_of_lasso(grid, x.rows));
  for (Index i = 0; i < static_cast<Index>(grid.sizes.size()); ++i) {
    const Index k = grid.sizes[i];
    const std::span<const Index> nonzeros(
        grid.nonzeros.begin(), std::upper_bound(grid.nonzeros.begin(), grid.nonzeros.end(), k));
    if (nonzeros.empty()) continue;
    const auto take_model = [&](Index s, const SparseModel* model) {
      poll_now(poll);
      Block retrained;
      if (grid.retrain && model) {
        const Index count = static_cast<Index>(model->support.size());
        retrained = retrained_.block(count, 1);
        if (count > 0)
          retrainer_.solve(model->support.data(), {&count, 1}, grid.retrain_ridge, retrained, poll);
      }
      sink.trained(i, rule, s, model, retrained);
    };
    const LassoSolver::Take take = std::ref(take_model);  // which allocates nothing
    if (grid.penalties.empty())
      lasso_.path(k, grid.ridge, nonzeros, take);
    else
      lasso_.at(k, grid.ridge, {grid.penalties.data() + i * kept, nonzeros.size()}, take);
  }
}

/// The models of one size and rule, and of the later rules that order the same support alike.
void GridFit::run_point(Index size, Index rule, ConstBlock theta, const Grid& grid,
                        const RuleInputs& inputs, GridSink& sink, const Poll& poll) {
  const Index k = theta.rows, m = theta.cols, sizes = static_cast<Index>(grid.sizes.size());
  const Index active =
      std::upper_bound(grid.nonzeros.begin(), grid.nonzeros.end(), k) - grid.nonzeros.begin();
  if (active == 0) return;
  const std::span<const Index> nonzeros(grid.nonzeros.data(), static_cast<std::size_t>(active));
  const Index count = nonzeros.back();
  find_order(grid.rules[rule], size, k, theta, inputs, count, order_);
  const Block pruned = pruned_.block(count, active * m);
  keep_first(theta, order_, nonzeros, pruned);
  Block retrained, compensated;
  if (grid.retrain) {
    retrained = retrained_.block(count, active * m);
    fill(retrained, 0.0);
    const bool whole = count == k && trains_alike(grid);
    if (const Index own = active - whole; own > 0)
      retrainer_.solve(order_.data(), nonzeros.first(own), grid.retrain_ridge,
                       retrained.columns(0, own * m).top(nonzeros[own - 1]), poll);
    if (whole) copy(pruned.columns((active - 1) * m, m), retrained.columns((active - 1) * m, m));
  }
  if (grid.compensate) {
    compensated = pruned;  // independent features cannot make up for each other
    if (inputs.covariance.data) {
      poll_now(poll);
      compensated = compensated_.block(count, active * m);
      compensator_.solve(inputs.covariance, theta, order_,
                         Indices(nonzeros.begin(), nonzeros.end()), compensated);
    }
  }
  for (Index r = rule; r < static_cast<Index>(grid.rules.size()); ++r) {
    if (r > rule) {
      if (done_[r * sizes + size] || traits(grid.rules[r]).trains_itself) continue;
      find_order(grid.rules[r], size, k, theta, inputs, count, other_order_);
      if (other_order_ != order_) continue;
    }
    done_[r * sizes + size] = 1;
    sink.pruned(size, r, order_, pruned, retrained);
    if (grid.compensate) sink.compensated(size, r, order_, compensated);
  }
}

void GridFit::prepare_scores(const Design& x, const Grid& grid, const RuleInputs& inputs,
                             const Poll& poll) {
  const Index most = grid.sizes.back();
  scores_.resize(most);
  // How many scores a selection collects depends on the data, and is at most this.
  selection_.values.reserve(most + kSelectionMargin);
  selection_.indices.reserve(most + kSelectionMargin);
  selection_.sorted.reserve(most);
  if (any_weighs_coefficients(grid.rules)) {
    root_curvature_.resize(most);
    if (inputs.curvature.size > 0)
      for (Index j = 0; j < most; ++j) root_curvature_[j] = std::sqrt(inputs.curvature(j));
    else
      root_sample_curvature(x.first(most), space_, poll, root_curvature_.data());
  }
  if (any_of_rules(grid.rules, &RuleTraits::needs_seed)) {
    // One score a feature serves all sizes: the support at size k is uniform among the first k
    // whatever the grid.
    uniform_.resize(most);
    uniform({inputs.seed, inputs.stream, Purpose::scores}, 0, most, uniform_.data());
  }
}

void GridFit::need(const Problem& problem, const Grid& grid, Index n, bool streamed,
                   MemoryNeed& need) {
  const Index p = problem.features(), m = problem.targets(), largest = grid.sizes.back();
  const Indices nonzeros = grid.fitting_nonzeros();
  const Index most = nonzeros.empty() ? 0 : nonzeros.back(),
              columns = static_cast<Index>(nonzeros.size()) * m;
  const auto* population = problem.population();
  need.hold(largest * static_cast<Index>(grid.sizes.size()) * m);
  need.hold(most * columns * (grid.retrain ? 2 : 1));
  Index scores = 4 + any_of_rules(grid.rules, &RuleTraits::needs_seed);  // with those selected from
  if (any_weighs_coefficients(grid.rules)) ++scores;
  need.hold(largest * scores + 2 * kSelectionMargin + most);
  PathSolver::need(n, largest, m, grid.sizes, grid.ridge, streamed, need);
  const Index own =
      any_of_rules(grid.rules, &RuleTraits::trains_itself) && most > 0 ? most_of_lasso(grid, n) : 0;
  if (own > 0) {
    LassoSolver::need(n, largest, own, need);
    if (streamed) need.hold(n * largest);
  }
  if (grid.retrain && most > 0) {
    Indices supports = nonzeros;
    if (own > most) supports.push_back(own);
    RetrainSolver::need(n, p, m, supports, grid.retrain_ridge, streamed, need);
  }
  if (!grid.compensate || !population || population->diagonal()) return;
  need.hold(most * columns);
  Compensator::need(largest, m, most, need);
}

/// A model with all targets' coefficients in one unit.
ConstMatrix GridFit::in_units(ConstBlock theta) {
  if (!units_.empty()) {
    const Block common = common_.block(theta.rows, theta.cols);
    for (Index t = 0; t < theta.cols; ++t)
      for (Index j = 0; j < theta.rows; ++j) common(j, t) = theta(j, t) * units_[t];
    theta = common;
  }
  return {theta.data, theta.rows, theta.cols, 1, theta.ld};
}

/// The weights of k coefficients' scores; none where the power of the curvature is 0.
ConstVector GridFit::weights(int curvature_power, Index k) {
  if (curvature_power <= 1) return {root_curvature_.data(), curvature_power * k, 1};
  weights_.resize(k);
  for (Index j = 0; j < k; ++j) weights_[j] = rank_weight(root_curvature_[j], curvature_power);
  return vector_view(std::as_const(weights_));
}

void GridFit::find_order(Rule rule, Index size, Index k, ConstBlock theta, const RuleInputs& inputs,
                         Index count, Indices& order) {
  if (traits(rule).scores_coefficients)
    return top_ranked_order(in_units(theta), weights(traits(rule).curvature_power, k), count,
                            {scores_.data(), k, 1}, selection_, order);
  const ConstVector scores = traits(rule).needs_seed
                                 ? ConstVector{uniform_.data(), k, 1}
                                 : ConstVector{&inputs.truth(size, 0), k, inputs.truth.col_stride};
  top_k_order(scores, count, selection_, order);
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
    GridFit().run(data.design, data.response, scaled, inputs, sink, &result.info, poll,
                  data.target_units());
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
