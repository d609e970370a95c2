#include "overprune/schedule.hpp"

#include "register.hpp"

namespace overprune::bindings {
namespace {

py::dict bind_simulate_schedule(const Problem& problem, const Schedule schedule,
                                const Trials trials, const py::object& progress) {
  const auto monitor = [&](Index done) {
    // The calling thread alone comes here; the workers never touch Python.
    const py::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (!progress.is_none()) progress(done);
  };
  RiskTable found;
  {
    const LongWork work;
    found = simulate_schedule(problem, schedule, trials, monitor);
  }
  return to_dict(found);
}

py::dict bind_predict_schedule(const LinearGaussianProblem& problem, Index n,
                               const Schedule schedule, const DrawOptions options) {
  RiskTable found;
  {
    const LongWork work;
    found = predict_schedule(problem, n, schedule, options, interruptible());
  }
  return to_dict(found);
}

}  // namespace

void register_schedule(py::module_& module) {
  using namespace py::literals;
  Fields<Schedule>(module, "Schedule")
      .field("size", &Schedule::size)
      .field("nonzeros", &Schedule::nonzeros)
      .field("rules", &Schedule::rules)
      .field("ridge", &Schedule::ridge)
      .field("retrain_ridge", &Schedule::retrain_ridge);
  module.attr("LEAST_SCHEDULE_DRAWS") = kLeastScheduleDraws;
  module.def("simulate_schedule", &bind_simulate_schedule, "problem"_a, "schedule"_a, "trials"_a,
             "progress"_a);
  module.def(
      "simulated_schedule_table",
      [](const Problem& problem, const Schedule& schedule) {
        return to_dict(simulated_table(problem, schedule, 0));
      },
      "problem"_a, "schedule"_a);
  module.def("predict_schedule", &bind_predict_schedule, "problem"_a, "n"_a, "schedule"_a,
             "options"_a);
}

}  // namespace overprune::bindings
