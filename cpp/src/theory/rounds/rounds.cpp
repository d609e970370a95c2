#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <utility>

#include "base/check.hpp"
#include "base/table_layout.hpp"
#include "theory/groups.hpp"
#include "theory/rounds/pilot.hpp"
#include "theory/rounds/rounds.hpp"

namespace overprune {
namespace theory {

ScheduleAtoms schedule_atoms(const LinearGaussianProblem& problem, Index size) {
  const ConstVector variances = problem.variances();
  const ConstMatrix beta = problem.beta();
  std::map<std::pair<double, double>, double> counts;
  for (Index i = 0; i < size; ++i)
    if (variances(i) > 0.0) counts[{variances(i), std::abs(beta(i, 0))}] += 1.0;
  ScheduleAtoms atoms;
  for (const auto& [key, count] : counts) {
    atoms.count.push_back(count);
    atoms.eigenvalue.push_back(key.first);
    atoms.signal.push_back(std::sqrt(key.first) * key.second);
    atoms.total += count;
  }
  atoms.noise = problem.noise_floor();
  for (Index i = problem.features(); i-- > size;)
    atoms.noise += variances(i) * beta(i, 0) * beta(i, 0);
  return atoms;
}

}  // namespace theory

namespace {

using theory::Rounds;
using theory::ScheduleMethod;

/// Independent sets of draws, whose spread is the standard error.
constexpr Index kGroups = 16;
/// Draws come in antithetic pairs.
constexpr Index kLeastDraws = 2 * kGroups;
static_assert(kLeastDraws == kLeastScheduleDraws);

/// The figures of one rule.
struct Estimate {
  Rounds mean, error;
  Index draws = 0;
};

class Prediction {
 public:
  Prediction(const DrawOptions& draws, const std::function<void()>& monitor)
      : draws_(draws), poll_(monitor), monitor_([&monitor](Index) { poll_now(monitor); }) {}

  Estimate run(ScheduleMethod& method) const {
    method.prepare(over_threads(), poll_);
    if (method.exact()) {
      Rounds risks = method.run(0, 1, over_threads(), poll_);
      Rounds none{std::vector<double>(risks.pruned.size(), 0.0),
                  std::vector<double>(risks.pruned.size(), 0.0)};
      return {std::move(risks), std::move(none), 0};
    }
    if (draws_.draws > 0) return pooled(method, run(method, rounded(draws_.draws)));
    Estimate found = run(method, rounded(method.first_draws()));
    // Standard errors fall with the square root of the number of draws.
    const Index most = rounded(method.most_draws());
    for (double excess = imprecision(found); excess > 1.0 && found.draws < most;
         excess = imprecision(found)) {
      const double more =
          std::clamp(1.2 * excess * excess, 1.5, 4.0) * static_cast<double>(found.draws);
      found = run(method, std::min(most, rounded(static_cast<Index>(more))));
    }
    return pooled(method, std::move(found));
  }

 private:
  static Index rounded(Index draws) {
    return (draws + kLeastDraws - 1) / kLeastDraws * kLeastDraws;
  }

  theory::ForEach over_threads() const {
    return [this](Index count, const std::function<Task()>& start) {
      run_tasks(count, draws_.workers, start, monitor_);
    };
  }

  Estimate run(const ScheduleMethod& method, Index draws) const {
    std::vector<Rounds> groups(kGroups);
    const Index each = draws / kGroups;
    run_tasks(
        kGroups, draws_.workers,
        [&]() -> Task {
          return [&](Index g, const Poll& poll) {
            const theory::ForEach in_turn = [&poll](Index count,
                                                    const std::function<Task()>& start) {
              const Task task = start();
              for (Index i = 0; i < count; ++i) {
                poll_now(poll);
                task(i, poll);
              }
            };
            groups[g] = method.run(g * each, each, in_turn, poll);
          };
        },
        monitor_);
    Estimate found{groups[0], groups[0], draws};
    for (const auto member : {&Rounds::pruned, &Rounds::retrained})
      for (std::size_t t = 0; t < groups[0].pruned.size(); ++t) {
        std::vector<double> values;
        for (const Rounds& group : groups) values.push_back((group.*member)[t]);
        const theory::Estimate figure = theory::mean_of(std::move(values));
        (found.mean.*member)[t] = figure.value;
        (found.error.*member)[t] = figure.error;
      }
    return found;
  }

  /// The memory of the rounds is a ratio of means, so that a group's figures are off by about 1 /
  /// draws in it: the groups give the standard errors, all draws together the figures.
  Estimate pooled(const ScheduleMethod& method, Estimate found) const {
    if (method.pools()) found.mean = method.run(0, found.draws, over_threads(), poll_);
    return found;
  }

  /// Largest standard error over what was asked for.
  double imprecision(const Estimate& found) const {
    double largest = 0.0;
    for (const auto member : {&Rounds::pruned, &Rounds::retrained})
      for (std::size_t t = 0; t < found.mean.pruned.size(); ++t)
        if ((found.error.*member)[t] > 0.0)
          largest =
              std::max(largest, (found.error.*member)[t] / (draws_.rtol * (found.mean.*member)[t]));
    return largest;
  }

  const DrawOptions& draws_;
  Poll poll_;
  std::function<void(Index)> monitor_;
};

/// The way to the figures of one rule; the dense model is shared by the rules that need it.
std::unique_ptr<ScheduleMethod> method_for(const LinearGaussianProblem& problem, double n,
                                           const Schedule& schedule, Rule rule, std::uint64_t seed,
                                           std::shared_ptr<const theory::FirstStage>& dense) {
  const bool fixed = !traits(rule).scores_coefficients;
  if (problem.diagonal() && problem.targets() == 1)
    return fixed ? theory::independent_fixed_schedule(problem, n, schedule, rule)
                 : theory::independent_schedule(problem, n, schedule, rule, seed);
  if (!dense) dense = theory::dense_training(problem, n, schedule);
  return fixed ? theory::correlated_fixed_schedule(dense, problem, schedule, rule, seed)
               : theory::correlated_schedule(dense, schedule, rule, seed);
}

}  // namespace

RiskTable predict_schedule(const LinearGaussianProblem& problem, Index n, const Schedule& schedule,
                           const DrawOptions& options, const std::function<void()>& monitor) {
  const Interruptible interruptible(monitor);
  check::at_least("n", n, 1);
  check_schedule(schedule, problem.features());
  if (options.draws != 0) check::at_least("draws", options.draws, kLeastDraws);
  if (!(options.rtol > 0.0)) check::fail("rtol must be above 0, got ", options.rtol);
  check::at_least("workers", options.workers, 1);
  const Prediction prediction(options, monitor);
  std::shared_ptr<const theory::FirstStage> dense;
  const Dimension rules{"rule", static_cast<Index>(schedule.rules.size())};
  const Index rounds = static_cast<Index>(schedule.nonzeros.size()) + 1;
  RiskTable result = make_table({kPredictedRounds, {}, {}, {rules, {"round", rounds}}});
  Index done = 0;  // rules
  const auto put = [&](const char* name, const std::vector<double>& figures) {
    std::copy(figures.begin(), figures.end(), result[name].begin() + done * rounds);
    for (const double figure : figures)
      if (std::isnan(figure)) check::out_of_range("risk", static_cast<double>(schedule.size));
  };
  for (const Rule rule : schedule.rules) {
    poll_now(monitor);
    const auto method =
        method_for(problem, static_cast<double>(n), schedule, rule, options.seed, dense);
    const Estimate found = [&] {
      try {
        return prediction.run(*method);
      } catch (const check::NanScores&) {
        check::out_of_range("scores", static_cast<double>(schedule.size));
      }
    }();
    result["dense_risk"][0] = found.mean.retrained[0];
    put("pruned_risk", found.mean.pruned);
    put("retrained_risk", found.mean.retrained);
    put("pruned_risk_stderr", found.error.pruned);
    put("retrained_risk_stderr", found.error.retrained);
    result["draws"][done++] = static_cast<double>(found.draws);
  }
  return result;
}

}  // namespace overprune
