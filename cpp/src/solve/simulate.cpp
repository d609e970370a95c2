#include "overprune/simulate.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <span>
#include <utility>

#include "base/check.hpp"
#include "base/table_layout.hpp"
#include "base/workers.hpp"
#include "problem/design.hpp"
#include "solve/grid_fit.hpp"

namespace overprune {
namespace {

/// Where the numbers of one stage's models go; null where they are not asked for.
struct Slots {
  // risk, accuracy; error, teacher's overlap, own overlap; penalty
  std::array<double*, 6> figures{};

  bool risks() const { return figures[0] != nullptr; }
  bool labels() const { return figures[2] != nullptr; }
  double* penalty() const { return figures[5]; }
  Slots from(Index offset) const {
    Slots moved = *this;
    for (double*& figure : moved.figures)
      if (figure) figure += offset;
    return moved;
  }
  void copy_first(const Slots& from) const {
    for (std::size_t i = 0; i < figures.size(); ++i)
      if (figures[i] && from.figures[i]) *figures[i] = *from.figures[i];
  }
  void judge(Sampler& sampler, const Models& models) const {
    if (risks()) sampler.evaluate(models, figures[0], figures[1]);
    if (labels()) sampler.evaluate_labels(models, {figures[2], figures[3], figures[4]});
  }
};
/// Of one trial, by stage.
using TrialSlots = std::array<Slots, std::size(kStageNames)>;

/// Judges the models of one trial and writes their risks.
class RiskSink final : public GridSink {
 public:
  explicit RiskSink(const Grid& grid) : grid_(grid) {}
  void start(Sampler& sampler, const TrialSlots& slots) {
    sampler_ = &sampler;
    slots_ = slots;
  }
  void dense(ConstBlock theta) override {
    at(Stage::dense).judge(*sampler_, {nullptr, theta.rows, view(theta)});
  }
  void pruned(Index size, Index rule, const Indices& order, ConstBlock pruned,
              ConstBlock retrained) override {
    write(Stage::pruned, size, rule, order, pruned, true);
    if (grid_.retrain) write(Stage::retrained, size, rule, order, retrained, trains_alike(grid_));
  }
  void trained(Index size, Index rule, Index nonzeros, const SparseModel* model,
               ConstBlock retrained) override {
    if (model == nullptr) return;
    const bool whole = grid_.penalties.empty() && grid_.nonzeros[nonzeros] == grid_.sizes[size];
    const Index count = static_cast<Index>(model->support.size());
    const Index offset = at_point(size, rule) + nonzeros;
    at(Stage::pruned).penalty()[offset] = model->penalty;
    measure(Stage::pruned, size, offset, model->support,
            {model->coefficients.data(), count, 1, count}, whole);
    if (grid_.retrain)
      measure(Stage::retrained, size, offset, model->support, retrained,
              whole && trains_alike(grid_));
  }
  void compensated(Index size, Index rule, const Indices& order, ConstBlock models) override {
    write(Stage::compensated, size, rule, order, models, true);
  }

 private:
  const Slots& at(Stage stage) const { return slots_[static_cast<int>(stage)]; }
  static ConstMatrix view(ConstBlock block) {
    return {block.data, block.rows, block.cols, 1, block.ld};
  }

  /// Of the first rule's first nonzeros at this size and rule.
  Index at_point(Index size, Index rule) const {
    return (rule * static_cast<Index>(grid_.sizes.size()) + size) *
           static_cast<Index>(grid_.nonzeros.size());
  }
  /// One model. @param is_dense  it is the dense one
  void measure(Stage stage, Index size, Index offset, const Indices& support, ConstBlock model,
               bool is_dense) {
    const Slots to = at(stage).from(offset);
    if (is_dense) return to.copy_first(at(Stage::dense).from(size));
    to.judge(*sampler_, {support.data(), model.rows, view(model)});
    if (to.risks() && std::isnan(*to.figures[0])) check::unmeasured();
  }

  /// @param keeps_dense  nothing is pruned where nonzeros == size: the dense model's figures, to
  /// the last bit
  void write(Stage stage, Index size, Index rule, const Indices& order, ConstBlock models,
             bool keeps_dense) {
    const Slots to = at(stage).from(at_point(size, rule));
    to.judge(*sampler_, {order.data(), models.rows, view(models)});
    const auto same = std::find(grid_.nonzeros.begin(), grid_.nonzeros.end(), grid_.sizes[size]);
    if (!keeps_dense || same == grid_.nonzeros.end()) return;
    to.from(same - grid_.nonzeros.begin()).copy_first(at(Stage::dense).from(size));
  }

  const Grid& grid_;
  Sampler* sampler_ = nullptr;
  TrialSlots slots_{};
};

/// Where a table of one trial, or the first of several, takes its numbers.
TrialSlots slots_of(RiskTable& table) {
  TrialSlots slots;
  for (std::size_t stage = 0; stage < slots.size(); ++stage) {
    const std::string name = kStageNames[stage];
    const char* quantities[] = {"_risk",         "_accuracy", "_error", "_teacher_overlap",
                                "_self_overlap", "_penalty"};
    for (std::size_t i = 0; i < slots[stage].figures.size(); ++i)
      slots[stage].figures[i] = table.find(name + quantities[i]);
  }
  return slots;
}

class Run {
 public:
  Run(const Problem& problem, const Grid& grid, const Trials& trials)
      : problem_(problem),
        grid_(grid),
        trials_(trials),
        sizes_(static_cast<Index>(grid.sizes.size())),
        points_(static_cast<Index>(grid.rules.size()) * sizes_ *
                static_cast<Index>(grid.nonzeros.size())),
        result_(simulated_table(problem, grid, trials.count)),
        first_(slots_of(result_)) {}

  RiskTable finish(const SimulateMonitor& monitor) {
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
    for (std::size_t stage = 0; stage < first_.size(); ++stage) {
      const double* risks = first_[stage].figures[first_[stage].labels() ? 2 : 0];
      const bool is_dense = stage == static_cast<std::size_t>(Stage::dense);
      const Index each = risks == nullptr ? 0 : is_dense ? sizes_ : points_;
      for (Index i = seen_ * each; i < done * each; ++i)
        if (std::isnan(risks[i]) &&
            (is_dense || (grid_.nonzeros[i % kept] <= grid_.sizes[i / kept % sizes_] &&
                          !trains_own(i % points_ / kept / sizes_))))
          check::unmeasured();
    }
    seen_ = done;
  }

  /// Its path may not reach as many nonzeros as are asked for; RiskSink looks at what it does.
  bool trains_own(Index rule) const { return traits(grid_.rules[rule]).trains_itself; }

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

  TrialSlots slots(Index i) const {
    TrialSlots own = first_;
    for (std::size_t stage = 0; stage < own.size(); ++stage) {
      const Index begin = i * (stage == static_cast<std::size_t>(Stage::dense) ? sizes_ : points_);
      own[stage] = own[stage].from(begin);
    }
    return own;
  }

  const Problem& problem_;
  const Grid& grid_;
  const Trials& trials_;
  Index sizes_, points_;       // of one trial
  Index seen_ = 0;             // trials that refuse_nan has looked at
  std::vector<double> truth_;  // (K, p), only for the oracle rule
  RiskTable result_;
  TrialSlots first_;  // of the first trial, in result_
};

/// What the models of a problem are judged by.
void describe_judgement(const Problem& problem, const Loss& loss, TableLayout& layout) {
  layout.labels = judged_by_error(problem, loss);
  layout.overlaps = layout.labels && problem.knows_teacher();
  layout.classes = problem.has_classes() && !layout.labels;
}

}  // namespace

void check_trials(const Trials& trials) {
  check::at_least("n", trials.n, 1);
  check::at_least("first trial", trials.first, 0);
  check::at_least("trials", trials.count, 1);
  check::at_least("workers", trials.workers, 1);
  if (trials.design_limit) check::at_least("design_limit", *trials.design_limit, 0);
}

RiskTable simulated_table(const Problem& problem, const Grid& grid, Index trials) {
  TableLayout layout = grid_layout(kSimulated, grid, {{"trial", trials}});
  describe_judgement(problem, grid.loss, layout);
  return make_table(layout);
}

RiskTable simulate(const Problem& problem, const Grid& grid, const Trials& trials,
                   const SimulateMonitor& monitor) {
  check_grid(grid, problem.features());
  check_trials(trials);
  if (any_of_rules(grid.rules, &RuleTraits::trains_itself)) check_one_target(problem.targets());
  for (const Index size : grid.sizes)
    check_loss(problem, grid.loss, static_cast<double>(trials.n), static_cast<double>(size),
               grid.ridge);
  if (grid.compensate && !problem.population())
    check::fail(
        "compensate needs the covariance of the population, which a data set does not tell; with "
        "the ",
        "second moments of the training rows it would be retraining");
  return Run(problem, grid, trials).finish(monitor);
}

namespace {

/// Hands the models of prune_path to a sink as GridFit does.
class Replay {
 public:
  Replay(const Grid& grid, const PrunePathResult& found) : grid_(grid), found_(found) {
    const Index m = found.m, sizes = static_cast<Index>(grid.sizes.size());
    dense_ = dense_buffer_.block(grid.sizes.back(), sizes * m);
    for (Index i = 0; i < sizes; ++i)
      for (Index t = 0; t < m; ++t)
        for (Index j = 0; j < dense_.rows; ++j)
          dense_(j, i * m + t) = found.dense[(i * found.p + j) * m + t];
  }

  void run(GridSink& sink, const Poll& poll) {
    sink.dense(dense_);
    for (Index r = 0; r < static_cast<Index>(grid_.rules.size()); ++r)
      for (Index i = 0; i < static_cast<Index>(grid_.sizes.size()); ++i) {
        poll_now(poll);
        if (traits(grid_.rules[r]).trains_itself)
          run_own(r, i, sink);
        else
          run_point(r, i, sink);
      }
  }

 private:
  void run_own(Index rule, Index size, GridSink& sink) {
    const SparseModels& from = found_.lasso;
    for (Index s = 0; s < static_cast<Index>(grid_.nonzeros.size()); ++s) {
      const Index at = size * static_cast<Index>(grid_.nonzeros.size()) + s, count = from.count[at];
      if (count < 0) continue;
      if (count > from.most) check::fail("count must be at most ", from.most, ", got ", count);
      const auto first = from.support.begin() + at * from.most;
      SparseModel model;
      model.support.assign(first, first + count);
      check::distinct("support", model.support, grid_.sizes[size]);
      const auto theta = from.pruned.begin() + at * from.most;
      model.coefficients.assign(theta, theta + count);
      model.penalty = from.penalty[at];
      ConstBlock retrained;
      if (grid_.retrain) retrained = {from.retrained.data() + at * from.most, count, 1, count};
      sink.trained(size, rule, s, &model, retrained);
    }
  }

  void run_point(Index rule, Index size, GridSink& sink) {
    const Index m = found_.m, k = grid_.sizes[size],
                point = rule * static_cast<Index>(grid_.sizes.size()) + size;
    const std::span<const Index> nonzeros = fitting(grid_, k);
    if (nonzeros.empty()) return;
    const Index active = static_cast<Index>(nonzeros.size()), count = nonzeros.back();
    const auto first = found_.order.begin() + point * found_.most;
    const Indices order(first, first + count);
    check::distinct("order", order, k);
    const Block pruned = pruned_.block(count, active * m);
    keep_first(dense_.columns(size * m, m).top(k), order, nonzeros, pruned);
    Block retrained;
    if (grid_.retrain) {
      retrained = retrained_.block(count, active * m);
      const double* from = found_.retrained.data() +
                           point * static_cast<Index>(grid_.nonzeros.size()) * found_.most * m;
      for (Index c = 0; c < retrained.cols; ++c)
        for (Index j = 0; j < count; ++j)
          retrained(j, c) = from[((c / m) * found_.most + j) * m + c % m];
    }
    sink.pruned(size, rule, order, pruned, retrained);
  }

  const Grid& grid_;
  const PrunePathResult& found_;
  Block dense_;  // (sizes.back(), K m)
  Buffer dense_buffer_, pruned_, retrained_;
};

}  // namespace

RiskTable judge_path(const Problem& problem, const Grid& grid, const PrunePathResult& found,
                     std::uint64_t stream, const Poll& poll) {
  const Interruptible interruptible(poll);
  check_grid(grid, problem.features());
  check::same("models (features)", problem.features(), found.p);
  check::same("models (targets)", problem.targets(), found.m);
  const auto length = [](const auto& values) { return static_cast<Index>(values.size()); };
  const Index sizes = length(grid.sizes), points = length(grid.rules) * sizes * found.most;
  const Indices fitting = grid.fitting_nonzeros();
  check::same("models (nonzeros)", fitting.empty() ? 0 : fitting.back(), found.most);
  check::same("dense", sizes * found.p * found.m, length(found.dense));
  check::same("order", points, length(found.order));
  check::same("retrained", grid.retrain ? points * length(grid.nonzeros) * found.m : 0,
              length(found.retrained));
  if (any_of_rules(grid.rules, &RuleTraits::trains_itself)) {
    const Index each = sizes * length(grid.nonzeros), most = found.lasso.most;
    check_one_target(found.m);
    check::same("lasso.count", each, length(found.lasso.count));
    check::same("lasso.support", each * most, length(found.lasso.support));
    check::same("lasso.pruned", each * most, length(found.lasso.pruned));
    check::same("lasso.retrained", grid.retrain ? each * most : 0, length(found.lasso.retrained));
    check::same("lasso.penalty", each, length(found.lasso.penalty));
  }
  TableLayout layout = grid_layout(kSimulated, grid);
  describe_judgement(problem, grid.loss, layout);
  RiskTable table = make_table(layout);
  const TrialSlots slots = slots_of(table);
  const auto sampler = problem.sampler(1);
  if (!problem.population()) sampler->draw(0, stream, poll);  // the test set's random features
  RiskSink sink(grid);
  sink.start(*sampler, slots);
  Replay(grid, found).run(sink, poll);
  return table;
}

}  // namespace overprune
