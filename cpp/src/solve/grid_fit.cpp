#include "solve/grid_fit.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "overprune/random.hpp"

namespace overprune {

void keep_first(ConstBlock theta, const Indices& order, std::span<const Index> nonzeros,
                Block out) {
  const Index m = theta.cols;
  for (Index a = 0; a < static_cast<Index>(nonzeros.size()); ++a)
    for (Index t = 0; t < m; ++t) {
      double* column = out.col(a * m + t);
      for (Index j = 0; j < nonzeros[a]; ++j) column[j] = theta(order[j], t);
      std::fill(column + nonzeros[a], column + out.rows, 0.0);
    }
}

void GridFit::run(const Design& x, ConstBlock y, const Grid& grid, const RuleInputs& inputs,
                  GridSink& sink, FitInfo* info, const Poll& poll, std::span<const double> units) {
  units_ = units;
  const Index m = y.cols, sizes = static_cast<Index>(grid.sizes.size());
  const Block dense = dense_.block(grid.sizes.back(), sizes * m);
  train(x, y, grid, dense, info, poll);
  sink.dense(dense);
  prepare_scores(x, grid, inputs, poll);
  const std::span<const Index> all = fitting(grid, grid.sizes.back());
  if (all.empty()) return;
  const bool own = any_of_rules(grid.rules, &RuleTraits::trains_itself);
  if (own) check_one_target(m);
  if (grid.retrain && grid.loss.takes_numbers())
    retrainer_.start(x, y, std::max(all.back(), own ? most_of_lasso(grid, x.rows) : 0));
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
  if (grid.penalties.empty()) {
    const std::span<const Index> all = fitting(grid, grid.sizes.back());
    return all.empty() ? 0 : all.back();
  }
  return grid.ridge > 0.0 ? grid.sizes.back() : std::min(n, grid.sizes.back());
}

void GridFit::run_own(const Design& x, ConstBlock y, Index rule, const Grid& grid, GridSink& sink,
                      const Poll& poll) {
  const Index kept = static_cast<Index>(grid.nonzeros.size());
  lasso_.start(x.first(grid.sizes.back()).columns(0, grid.sizes.back(), design_), y,
               most_of_lasso(grid, x.rows));
  for (Index i = 0; i < static_cast<Index>(grid.sizes.size()); ++i) {
    const Index k = grid.sizes[i];
    const std::span<const Index> nonzeros = fitting(grid, k);
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

/// The models of all sizes.
void GridFit::train(const Design& x, ConstBlock y, const Grid& grid, Block dense, FitInfo* info,
                    const Poll& poll) {
  x_ = x;
  const Design widest = x.first(grid.sizes.back());
  if (grid.loss.takes_numbers())
    return path_.solve(widest, y, grid.sizes, grid.ridge, dense, info ? &info->squares : nullptr,
                       poll);
  const Block labels = label_buffer_.block(y.rows, y.cols);
  for (Index t = 0; t < y.cols; ++t)
    for (Index i = 0; i < y.rows; ++i) labels(i, t) = y(i, t) > 0.0 ? 1.0 : -1.0;
  labels_ = labels;
  classifier_.solve({widest, labels_, grid.sizes, grid.ridge, "ridge", grid.loss, dense,
                     info ? &info->classifiers : nullptr},
                    poll);
}

/// Again on the first s features of the order, for all nonzeros.
void GridFit::retrain(std::span<const Index> nonzeros, const Grid& grid, Block theta,
                      const Poll& poll) {
  if (grid.loss.takes_numbers())
    return retrainer_.solve(order_.data(), nonzeros, grid.retrain_ridge, theta, poll);
  const Design columns = x_.gathered(order_.data(), nonzeros.back(), support_);
  classifier_.solve(
      {columns, labels_, nonzeros, grid.retrain_ridge, "retrain_ridge", grid.loss, theta, nullptr},
      poll);
}

/// The models of one size and rule, and of the later rules that order the same support alike.
void GridFit::run_point(Index size, Index rule, ConstBlock theta, const Grid& grid,
                        const RuleInputs& inputs, GridSink& sink, const Poll& poll) {
  const Index k = theta.rows, m = theta.cols, sizes = static_cast<Index>(grid.sizes.size());
  const std::span<const Index> nonzeros = fitting(grid, k);
  if (nonzeros.empty()) return;
  const Index active = static_cast<Index>(nonzeros.size()), count = nonzeros.back();
  find_order(grid.rules[rule], size, k, theta, inputs, count, order_);
  const Block pruned = pruned_.block(count, active * m);
  keep_first(theta, order_, nonzeros, pruned);
  Block retrained, compensated;
  if (grid.retrain) {
    retrained = retrained_.block(count, active * m);
    const bool whole = count == k && trains_alike(grid);
    if (whole) fill(retrained, 0.0);  // the retrainer fills smaller supports alone
    if (const Index own = active - whole; own > 0)
      retrain(nonzeros.first(own), grid, retrained.columns(0, own * m).top(nonzeros[own - 1]),
              poll);
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

namespace {

/// What the solvers of least squares hold.
void need_of_squares(const Problem& problem, const Grid& grid, Index n, const Indices& nonzeros,
                     bool streamed, MemoryNeed& need) {
  const Index p = problem.features(), m = problem.targets(), largest = grid.sizes.back();
  const Index most = nonzeros.empty() ? 0 : nonzeros.back();
  PathSolver::need(n, largest, m, grid.sizes, grid.ridge, streamed, need);
  const bool trains = any_of_rules(grid.rules, &RuleTraits::trains_itself) && most > 0;
  const Index own = trains ? most_of_lasso(grid, n) : 0;
  if (own > 0) {
    LassoSolver::need(n, largest, own, need);
    if (streamed) need.hold(n * largest);
  }
  if (!grid.retrain || most == 0) return;
  Indices supports = nonzeros;
  if (own > most) supports.push_back(own);
  RetrainSolver::need(n, p, m, supports, grid.retrain_ridge, streamed, need);
}

/// What the solver of classifiers holds.
void need_of_labels(const Grid& grid, Index n, Index m, const Indices& nonzeros, bool streamed,
                    MemoryNeed& need) {
  const Index most = nonzeros.empty() ? 0 : nonzeros.back();
  const std::span<const Index> again(nonzeros.data(), grid.retrain ? nonzeros.size() : 0);
  need.hold(n * m + (grid.retrain && !streamed ? n * most : 0));
  ClassifierSolver::need(n, m, {{grid.sizes, grid.ridge}, {again, grid.retrain_ridge}}, streamed,
                         need);
}

}  // namespace

void GridFit::need(const Problem& problem, const Grid& grid, Index n, bool streamed,
                   MemoryNeed& need) {
  const Index m = problem.targets(), largest = grid.sizes.back();
  const Indices nonzeros = grid.fitting_nonzeros();
  const Index most = nonzeros.empty() ? 0 : nonzeros.back(),
              columns = static_cast<Index>(nonzeros.size()) * m;
  const auto* population = problem.population();
  need.hold(largest * static_cast<Index>(grid.sizes.size()) * m);
  need.hold(most * columns * (grid.retrain ? 2 : 1));
  Index scores = 4 + any_of_rules(grid.rules, &RuleTraits::needs_seed);  // with those selected from
  if (any_weighs_coefficients(grid.rules)) ++scores;
  need.hold(largest * scores + 2 * kSelectionMargin + most);
  if (grid.loss.takes_numbers())
    need_of_squares(problem, grid, n, nonzeros, streamed, need);
  else
    need_of_labels(grid, n, m, nonzeros, streamed, need);
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

}  // namespace overprune
