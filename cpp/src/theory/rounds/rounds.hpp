// Prediction of pruning in rounds: what its methods - independent and correlated features, supports
// that depend on the data and supports that do not - have in common; docs/theory.md, section 8.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/workers.hpp"
#include "overprune/schedule.hpp"
#include "theory/dense_law.hpp"
#include "theory/matrix_law.hpp"

namespace overprune::theory {

/// Risks after rounds 0, ..., T of one set of draws.
struct Rounds {
  std::vector<double> pruned, retrained;
};

/// Runs tasks: over threads, or one after the other inside a thread.
using ForEach = std::function<void(Index count, const std::function<Task()>& start)>;

/// Risks from random draws number first, ..., first + count - 1 of every coordinate.
class ScheduleMethod {
 public:
  virtual ~ScheduleMethod() = default;
  /// Called once, before any run.
  virtual void prepare(const ForEach&, const Poll&) {}
  virtual Rounds run(Index first, Index count, const ForEach& for_each, const Poll& poll) const = 0;
  /// How many draws to begin with, and the largest number, where the user gives none.
  virtual Index first_draws() const { return 0; }
  virtual Index most_draws() const { return 0; }
  /// Whether no draws are needed, so that one run gives the result.
  virtual bool exact() const { return false; }
  /// Whether to run over all draws as well as over groups of them. A group of few draws is biased
  /// where the result is not linear in them.
  virtual bool pools() const { return false; }
};

/// Independent features, one target, rules that score the model.
std::unique_ptr<ScheduleMethod> independent_schedule(const LinearGaussianProblem& problem, double n,
                                                     const Schedule& schedule, Rule rule,
                                                     std::uint64_t seed);
/// Independent features, one target, supports that do not depend on the data.
std::unique_ptr<ScheduleMethod> independent_fixed_schedule(const LinearGaussianProblem& problem,
                                                           double n, const Schedule& schedule,
                                                           Rule rule);
/// Any covariance, rules that score the model.
/// @param first  see `dense_training`
std::unique_ptr<ScheduleMethod> correlated_schedule(std::shared_ptr<const FirstStage> first,
                                                    const Schedule& schedule, Rule rule,
                                                    std::uint64_t seed);
/// Any covariance, supports that do not depend on the data.
std::unique_ptr<ScheduleMethod> correlated_fixed_schedule(std::shared_ptr<const FirstStage> first,
                                                          const LinearGaussianProblem& problem,
                                                          const Schedule& schedule, Rule rule,
                                                          std::uint64_t seed);

/// Atoms of the first `size` features, which may be taken apart again; what the others explain is
/// noise.
struct ScheduleAtoms {
  std::vector<double> count, eigenvalue, signal;  ///< as in Atoms
  double total = 0.0, noise = 0.0;

  std::size_t size() const { return count.size(); }
  /// The same for `dense_law`; points to this.
  Atoms view() const {
    return {eigenvalue.data(), nullptr, signal.data(), nullptr, count, total, noise};
  }
};
ScheduleAtoms schedule_atoms(const LinearGaussianProblem& problem, Index size);

}  // namespace overprune::theory
