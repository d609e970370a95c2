#include "overprune/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "base/check.hpp"
#include "base/table_layout.hpp"
#include "base/workers.hpp"
#include "overprune/random.hpp"
#include "problem/design.hpp"
#include "solve/path_solver.hpp"
#include "solve/retraining.hpp"

namespace overprune {

void check_schedule(const Schedule& schedule, Index p) {
  if (schedule.size < 1 || schedule.size > p)
    check::fail("size must lie in [1, ", p, "], got ", schedule.size);
  const Indices rising(schedule.nonzeros.rbegin(), schedule.nonzeros.rend());
  if (rising.empty()) check::fail("schedule must not be empty");
  for (std::size_t i = 0; i < rising.size(); ++i) {
    if (rising[i] < 1 || rising[i] > schedule.size)
      check::fail("schedule must lie in [1, ", schedule.size, "], got ", rising[i]);
    if (i > 0 && rising[i] <= rising[i - 1])
      check::fail("schedule must be strictly decreasing, got ", rising[i], " before ",
                  rising[i - 1]);
  }
  check_rules(schedule.rules);
  for (const Rule rule : schedule.rules) check_cuts(rule, "a schedule");
  check::nonnegative("ridge", schedule.ridge);
  check::nonnegative("retrain_ridge", schedule.retrain_ridge);
}

namespace {

class ScheduleRun {
 public:
  ScheduleRun(const Problem& problem, const Schedule& schedule, const Trials& trials)
      : problem_(problem),
        schedule_(schedule),
        trials_(trials),
        rounds_(static_cast<Index>(schedule.nonzeros.size()) + 1),
        points_(static_cast<Index>(schedule.rules.size()) * rounds_),
        result_(simulated_table(problem, schedule, trials.count)) {
    dense_ = arrays("dense");
    pruned_ = arrays("pruned");
    retrained_ = arrays("retrained");
  }

  RiskTable finish(const std::function<void(Index)>& monitor) {
    if (any_of_rules(schedule_.rules, &RuleTraits::needs_truth)) {
      truth_.resize(schedule_.size);
      problem_.oracle_scores(schedule_.size, truth_.data());
    }
    try {
      run_tasks(trials_.count, trials_.workers, [this] { return worker(); }, monitor);
    } catch (const check::NanScores&) {
      check::unmeasured();
    }
    for (const char* name : {"dense_risk", "pruned_risk", "retrained_risk"})
      for (const double risk : result_[name])
        if (std::isnan(risk)) check::unmeasured();
    return std::move(result_);
  }

 private:
  /// One thread's sampler and solvers, kept from trial to trial.
  struct Worker {
    explicit Worker(std::unique_ptr<Sampler> source) : sampler(std::move(source)) {}
    std::unique_ptr<Sampler> sampler;
    PathSolver path;
    RetrainSolver retrainer;
    std::vector<double> root_curvature, scores;
    Buffer space, dense, pruned, retrained;
  };

  /// The numbers of one stage's models; no accuracies without classes.
  struct Arrays {
    double *risk = nullptr, *accuracy = nullptr;
    Arrays from(Index at) const { return {risk + at, accuracy ? accuracy + at : nullptr}; }
  };
  Arrays arrays(const std::string& stage) {
    return {result_.find(stage + "_risk"), result_.find(stage + "_accuracy")};
  }

  /// A model as it is judged and scored: rows of theta belong to the features of `support`.
  struct Fitted {
    Indices support;
    Block theta;  // (support, m)
  };

  Task worker() {
    auto own = std::make_shared<Worker>(make_sampler(problem_, trials_.n, trials_.design_limit));
    return [this, own](Index i, const Poll& poll) { run_trial(i, *own, poll); };
  }

  void run_trial(Index i, Worker& worker, const Poll& poll) {
    const auto trial = static_cast<std::uint64_t>(trials_.first + i);
    worker.sampler->draw(trials_.seed, trial, poll);
    const ConstMatrix response = worker.sampler->response();
    const Design x(*worker.sampler, schedule_.size);
    const ConstBlock y{response.data, response.rows, response.cols, response.col_stride};
    Fitted dense{{}, worker.dense.block(schedule_.size, y.cols)};
    for (Index j = 0; j < schedule_.size; ++j) dense.support.push_back(j);
    worker.path.solve(x, y, {schedule_.size}, schedule_.ridge, dense.theta, nullptr, poll);
    judge(worker, nullptr, dense.theta, dense_.from(i));
    worker.retrainer.start(x, y, schedule_.nonzeros.front());
    for (std::size_t r = 0; r < schedule_.rules.size(); ++r)
      run_rounds(schedule_.rules[r], i, i * points_ + static_cast<Index>(r) * rounds_, x, y, dense,
                 worker, poll);
  }

  /// @param first  where round 0 of this rule and trial goes in the results
  void run_rounds(Rule rule, Index trial, Index first, const Design& x, ConstBlock y,
                  const Fitted& dense, Worker& worker, const Poll& poll) {
    copy_dense(trial, pruned_.from(first));
    copy_dense(trial, retrained_.from(first));
    prepare_scores(rule, trial, x, worker, poll);
    Fitted current = dense;
    for (Index t = 1; t < rounds_; ++t) {
      poll_now(poll);
      const Index s = schedule_.nonzeros[t - 1];
      if (traits(rule).scores_coefficients) score(rule, current, worker);
      const Fitted pruned = prune_to(s, current, worker);
      current = {pruned.support, worker.retrained.block(s, y.cols)};
      const bool whole = s == schedule_.size;  // nothing is pruned
      if (whole)
        copy_dense(trial, pruned_.from(first + t));
      else
        judge(worker, pruned.support.data(), pruned.theta, pruned_.from(first + t));
      if (whole && schedule_.retrain_ridge == schedule_.ridge) {
        copy(pruned.theta, current.theta);
        copy_dense(trial, retrained_.from(first + t));
        continue;
      }
      worker.retrainer.solve(current.support.data(), {&s, 1}, schedule_.retrain_ridge,
                             current.theta, poll);
      judge(worker, current.support.data(), current.theta, retrained_.from(first + t));
    }
  }

  /// Nothing is pruned: the dense model's figures, to the last bit.
  void copy_dense(Index trial, const Arrays& to) const {
    *to.risk = dense_.risk[trial];
    if (to.accuracy) *to.accuracy = dense_.accuracy[trial];
  }

  /// Prepares a rule once a trial: computes its scores where they do not depend on the
  /// coefficients.
  void prepare_scores(Rule rule, Index trial, const Design& x, Worker& worker, const Poll& poll) {
    worker.scores.resize(schedule_.size);
    if (traits(rule).needs_truth) {
      worker.scores = truth_;
    } else if (traits(rule).needs_seed) {
      const auto stream = static_cast<std::uint64_t>(trials_.first + trial);
      uniform({trials_.seed, stream, Purpose::scores}, 0, schedule_.size, worker.scores.data());
    } else if (traits(rule).curvature_power > 0) {
      worker.root_curvature.resize(schedule_.size);
      if (const auto* known = problem_.curvature(); known && !trials_.sample_curvature)
        for (Index j = 0; j < schedule_.size; ++j)
          worker.root_curvature[j] = std::sqrt((*known)[j]);
      else
        root_sample_curvature(x, worker.space, poll, worker.root_curvature.data());
    }
  }

  /// Scores of the survivors, one a feature.
  void score(Rule rule, const Fitted& model, Worker& worker) const {
    const Index count = static_cast<Index>(model.support.size());
    std::vector<double> weights, scores(count);
    if (const int power = traits(rule).curvature_power; power > 0)
      for (const Index feature : model.support)
        weights.push_back(rank_weight(worker.root_curvature[feature], power));
    const ConstBlock theta = model.theta;
    rank_scores({theta.data, count, theta.cols, 1, theta.ld}, vector_view(weights),
                vector_view(scores));
    for (Index i = 0; i < count; ++i) worker.scores[model.support[i]] = scores[i];
  }

  /// The s survivors of largest score, in falling order; of equal scores the first feature wins.
  Fitted prune_to(Index s, const Fitted& model, Worker& worker) const {
    std::vector<double> eligible(schedule_.size, -std::numeric_limits<double>::infinity());
    Indices row(schedule_.size);
    for (std::size_t i = 0; i < model.support.size(); ++i) {
      eligible[model.support[i]] = worker.scores[model.support[i]];
      row[model.support[i]] = static_cast<Index>(i);
    }
    Fitted pruned{top_k_order(vector_view(eligible), s), worker.pruned.block(s, model.theta.cols)};
    for (Index c = 0; c < model.theta.cols; ++c)
      for (Index i = 0; i < s; ++i) pruned.theta(i, c) = model.theta(row[pruned.support[i]], c);
    return pruned;
  }

  /// @param support  null: the first features
  static void judge(Worker& worker, const Index* support, ConstBlock theta, const Arrays& to) {
    worker.sampler->evaluate(
        {support, theta.rows, {theta.data, theta.rows, theta.cols, 1, theta.ld}}, to.risk,
        to.accuracy);
  }

  const Problem& problem_;
  const Schedule& schedule_;
  const Trials& trials_;
  Index rounds_, points_;
  std::vector<double> truth_;  // (size), only for the oracle rule
  RiskTable result_;
  Arrays dense_, pruned_, retrained_;  // in result_
};

}  // namespace

RiskTable simulated_table(const Problem& problem, const Schedule& schedule, Index trials) {
  check_schedule(schedule, problem.features());
  check::at_least("trials", trials, 0);
  const Dimension rule{"rule", static_cast<Index>(schedule.rules.size())};
  const Dimension round{"round", static_cast<Index>(schedule.nonzeros.size()) + 1};
  return make_table({kSimulatedRounds,
                     {{"trial", trials}},
                     {},
                     {rule, round},
                     true,
                     false,
                     problem.has_classes()});
}

RiskTable simulate_schedule(const Problem& problem, const Schedule& schedule, const Trials& trials,
                            const std::function<void(Index done)>& monitor) {
  check_schedule(schedule, problem.features());
  check_trials(trials);
  return ScheduleRun(problem, schedule, trials).finish(monitor);
}

}  // namespace overprune
