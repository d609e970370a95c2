#include "overprune/schedule.hpp"

#include "register.hpp"

namespace overprune::bindings {
namespace {

Schedule make_schedule(Index size, const Indices& nonzeros, const std::vector<std::string>& rules,
                       double ridge, double retrain_ridge) {
  Schedule schedule{size, nonzeros, {}, ridge, retrain_ridge};
  for (const std::string& rule : rules) schedule.rules.push_back(rule_from_name(rule));
  return schedule;
}

py::dict bind_simulate_schedule(const Problem& problem, Index n, Index size,
                                const Indices& nonzeros, const std::vector<std::string>& rules,
                                double ridge, double retrain_ridge, bool sample_curvature,
                                Index first, Index count, std::uint64_t seed, Index workers,
                                const py::object& progress) {
  const Schedule schedule = make_schedule(size, nonzeros, rules, ridge, retrain_ridge);
  const Trials trials{n, first, count, seed, workers, sample_curvature};
  const auto monitor = [&](Index done) {
    // The calling thread alone comes here; the workers never touch Python.
    const py::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (!progress.is_none()) progress(done);
  };
  SimulateScheduleResult found;
  {
    const LongWork work;
    found = simulate_schedule(problem, schedule, trials, monitor);
  }
  const auto r = static_cast<py::ssize_t>(rules.size()),
             t = static_cast<py::ssize_t>(nonzeros.size()) + 1;
  py::dict out;
  const auto put = [&](const char* name, const std::vector<double>& values, bool dense) {
    if (values.empty()) return;
    if (dense)
      out[name] = to_array(values, {count});
    else
      out[name] = to_array(values, {count, r, t});
  };
  put("dense_risk", found.dense_risk, true);
  put("pruned_risk", found.pruned_risk, false);
  put("retrained_risk", found.retrained_risk, false);
  put("dense_accuracy", found.dense_accuracy, true);
  put("pruned_accuracy", found.pruned_accuracy, false);
  put("retrained_accuracy", found.retrained_accuracy, false);
  return out;
}

py::dict bind_predict_schedule(const LinearGaussianProblem& problem, Index n, Index size,
                               const Indices& nonzeros, const std::vector<std::string>& rules,
                               double ridge, double retrain_ridge, Index draws, double rtol,
                               std::uint64_t seed, Index workers) {
  const Schedule schedule = make_schedule(size, nonzeros, rules, ridge, retrain_ridge);
  PredictScheduleResult found;
  {
    const LongWork work;
    found = predict_schedule(problem, n, schedule, {draws, rtol, seed, workers}, interruptible());
  }
  const auto r = static_cast<py::ssize_t>(rules.size()),
             t = static_cast<py::ssize_t>(nonzeros.size()) + 1;
  py::dict out;
  out["dense_risk"] = found.dense_risk;
  out["pruned_risk"] = to_array(found.pruned_risk, {r, t});
  out["retrained_risk"] = to_array(found.retrained_risk, {r, t});
  out["pruned_risk_stderr"] = to_array(found.pruned_risk_stderr, {r, t});
  out["retrained_risk_stderr"] = to_array(found.retrained_risk_stderr, {r, t});
  out["draws"] = found.draws;
  return out;
}

}  // namespace

void register_schedule(py::module_& module) {
  module.def("simulate_schedule", &bind_simulate_schedule);
  module.def("predict_schedule", &bind_predict_schedule);
}

}  // namespace overprune::bindings
