#include "overprune/simulate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "base/check.hpp"
#include "base/workers.hpp"
#include "problem/design.hpp"
#include "solve/grid_fit.hpp"

namespace overprune {
namespace {

/// Where the risks of one trial go.
struct TrialSlots {
  double *dense, *pruned, *retrained;  // (K), (R, K, S), (R, K, S) or null
  double *dense_accuracy, *pruned_accuracy, *retrained_accuracy;  // the same, or null
  double* compensated;                                            // (R, K, S) or null
};

/// Judges the models of one trial and writes their risks.
class RiskSink final : public GridSink {
 public:
  explicit RiskSink(const Grid& grid) : grid_(grid) {}
  void start(Sampler& sampler, const TrialSlots& slots) {
    sampler_ = &sampler;
    slots_ = slots;
  }
  void dense(ConstBlock theta) override {
    sampler_->evaluate({nullptr, theta.rows, view(theta)}, slots_.dense, slots_.dense_accuracy);
  }
  void pruned(Index size, Index rule, const Indices& order, ConstBlock pruned,
              ConstBlock retrained) override {
    const Index offset = first_point(size, rule);
    write(order, pruned, slots_.pruned + offset, slots_.pruned_accuracy, offset);
    copy_unpruned(size, offset, slots_.pruned, slots_.pruned_accuracy);
    if (!grid_.retrain) return;
    write(order, retrained, slots_.retrained + offset, slots_.retrained_accuracy, offset);
    if (trains_alike(grid_))
      copy_unpruned(size, offset, slots_.retrained, slots_.retrained_accuracy);
  }
  void compensated(Index size, Index rule, const Indices& order, ConstBlock models) override {
    const Index offset = first_point(size, rule);
    write(order, models, slots_.compensated + offset, nullptr, offset);
    copy_unpruned(size, offset, slots_.compensated, nullptr);
  }

 private:
  Index first_point(Index size, Index rule) const {
    return (rule * static_cast<Index>(grid_.sizes.size()) + size) *
           static_cast<Index>(grid_.nonzeros.size());
  }
  static ConstMatrix view(ConstBlock block) {
    return {block.data, block.rows, block.cols, 1, block.ld};
  }

  /// Nothing is pruned where nonzeros == size: the dense model's figures, to the last bit.
  void copy_unpruned(Index size, Index offset, double* risk, double* accuracy) const {
    const auto same = std::find(grid_.nonzeros.begin(), grid_.nonzeros.end(), grid_.sizes[size]);
    if (same == grid_.nonzeros.end()) return;
    const Index point = offset + (same - grid_.nonzeros.begin());
    risk[point] = slots_.dense[size];
    if (accuracy) accuracy[point] = slots_.dense_accuracy[size];
  }

  void write(const Indices& order, ConstBlock models, double* risk, double* accuracy,
             Index offset) {
    sampler_->evaluate({order.data(), models.rows, view(models)}, risk,
                       accuracy ? accuracy + offset : nullptr);
  }

  const Grid& grid_;
  Sampler* sampler_ = nullptr;
  TrialSlots slots_{};
};

class Run {
 public:
  Run(const Problem& problem, const Grid& grid, const Trials& trials)
      : problem_(problem), grid_(grid), trials_(trials) {
    const Index sizes = static_cast<Index>(grid.sizes.size());
    points_ =
        static_cast<Index>(grid.rules.size()) * sizes * static_cast<Index>(grid.nonzeros.size());
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const Index count = trials.count;
    result_.dense_risk.assign(count * sizes, nan);
    result_.pruned_risk.assign(count * points_, nan);
    if (grid.retrain) result_.retrained_risk.assign(count * points_, nan);
    if (grid.compensate) result_.compensated_risk.assign(count * points_, nan);
    if (!problem.has_classes()) return;
    result_.dense_accuracy = result_.dense_risk;
    result_.pruned_accuracy = result_.pruned_risk;
    result_.retrained_accuracy = result_.retrained_risk;
  }

  SimulateResult finish(const SimulateMonitor& monitor) {
    prepare_truth();
    const auto watch = [&](Index done) {
      refuse_nan(done);
      if (monitor) monitor(done, result_);
    };
    try {
      run_tasks(trials_.count, trials_.workers, [this] { return worker(); }, watch);
    } catch (const check::NanScores&) {
      check::unmeasured();
    }
    return std::move(result_);
  }

 private:
  /// Numbers of very different size may overflow on the way to a risk; NaN stands for nonzeros >
  /// size only. Looks at the trials before `done` that it has not seen yet.
  void refuse_nan(Index done) {
    const Index kept = static_cast<Index>(grid_.nonzeros.size());
    const Index sizes = static_cast<Index>(grid_.sizes.size());
    for (Index i = seen_ * sizes; i < done * sizes; ++i)
      if (std::isnan(result_.dense_risk[i])) check::unmeasured();
    for (const auto* risks :
         {&result_.pruned_risk, &result_.retrained_risk, &result_.compensated_risk})
      for (Index i = seen_ * points_; i < done * points_ && !risks->empty(); ++i)
        if (std::isnan((*risks)[i]) && grid_.nonzeros[i % kept] <= grid_.sizes[i / kept % sizes])
          check::unmeasured();
    seen_ = done;
  }

  /// The oracle's scores depend on the problem alone: once for all trials.
  void prepare_truth() {
    if (!any_of_rules(grid_.rules, &RuleTraits::needs_truth)) return;
    const Index p = problem_.features();
    truth_.assign(grid_.sizes.size() * p, 0.0);
    for (std::size_t i = 0; i < grid_.sizes.size(); ++i)
      problem_.oracle_scores(grid_.sizes[i], truth_.data() + static_cast<Index>(i) * p);
  }

  /// One thread's sampler and solvers, kept from trial to trial.
  struct Worker {
    Worker(const Problem& problem, const Trials& trials, const Grid& grid)
        : sampler(make_sampler(problem, trials.n, trials.design_limit)), sink(grid) {}
    std::unique_ptr<Sampler> sampler;
    GridFit fit;
    RiskSink sink;
  };

  Task worker() {
    auto own = std::make_shared<Worker>(problem_, trials_, grid_);
    return [this, own](Index i, const Poll& poll) { run_trial(i, *own, poll); };
  }

  void run_trial(Index i, Worker& worker, const Poll& poll) {
    const auto trial = static_cast<std::uint64_t>(trials_.first + i);
    Sampler& sampler = *worker.sampler;
    sampler.draw(trials_.seed, trial, poll);
    RuleInputs inputs;
    if (const auto* curvature = problem_.curvature(); curvature && !trials_.sample_curvature)
      inputs.curvature = vector_view(*curvature);
    if (const auto* population = problem_.population(); population && !population->diagonal())
      inputs.covariance = population->covariance();
    if (!truth_.empty())
      inputs.truth =
          row_major(truth_.data(), static_cast<Index>(grid_.sizes.size()), problem_.features());
    inputs.seed = trials_.seed;
    inputs.stream = trial;
    worker.sink.start(sampler, slots(i));
    const ConstMatrix y = sampler.response();
    worker.fit.run({sampler, problem_.features()}, {y.data, y.rows, y.cols, y.col_stride}, grid_,
                   inputs, worker.sink, nullptr, poll);
  }

  TrialSlots slots(Index i) {
    const Index sizes = static_cast<Index>(grid_.sizes.size());
    const auto at = [i](std::vector<double>& values, Index stride) {
      return values.empty() ? nullptr : values.data() + i * stride;
    };
    return {at(result_.dense_risk, sizes),        at(result_.pruned_risk, points_),
            at(result_.retrained_risk, points_),  at(result_.dense_accuracy, sizes),
            at(result_.pruned_accuracy, points_), at(result_.retrained_accuracy, points_),
            at(result_.compensated_risk, points_)};
  }

  const Problem& problem_;
  const Grid& grid_;
  const Trials& trials_;
  Index points_ = 0, seen_ = 0;  // of one trial; trials that refuse_nan has looked at
  std::vector<double> truth_;    // (K, p), only for the oracle rule
  SimulateResult result_;
};

}  // namespace

void check_trials(const Trials& trials) {
  check::at_least("n", trials.n, 1);
  check::at_least("first trial", trials.first, 0);
  check::at_least("trials", trials.count, 1);
  check::at_least("workers", trials.workers, 1);
  check::at_least("design_limit", trials.design_limit, 0);
}

SimulateResult simulate(const Problem& problem, const Grid& grid, const Trials& trials,
                        const SimulateMonitor& monitor) {
  check_grid(grid, problem.features());
  check_trials(trials);
  if (grid.compensate && !problem.population())
    check::fail(
        "compensate needs the covariance of the population, which a data set does not tell; with "
        "the ",
        "second moments of the training rows it would be retraining");
  return Run(problem, grid, trials).finish(monitor);
}

SimulateResult join(const std::vector<SimulateResult>& blocks) {
  static constexpr std::vector<double> SimulateResult::* kArrays[] = {
      &SimulateResult::dense_risk,        &SimulateResult::pruned_risk,
      &SimulateResult::retrained_risk,    &SimulateResult::compensated_risk,
      &SimulateResult::dense_accuracy,    &SimulateResult::pruned_accuracy,
      &SimulateResult::retrained_accuracy};
  SimulateResult all;
  for (const auto array : kArrays) {
    std::size_t count = 0;
    for (const SimulateResult& block : blocks) {
      // Of one grid: every trial has as many numbers in this array for each number in dense_risk.
      if ((block.*array).size() * blocks[0].dense_risk.size() !=
          (blocks[0].*array).size() * block.dense_risk.size())
        check::fail(
            "blocks must be of one grid, got one with other numbers of risks than the first");
      count += (block.*array).size();
    }
    (all.*array).reserve(count);
    for (const SimulateResult& block : blocks)
      (all.*array).insert((all.*array).end(), (block.*array).begin(), (block.*array).end());
  }
  return all;
}

}  // namespace overprune
