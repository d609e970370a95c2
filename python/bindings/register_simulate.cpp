#include "overprune/simulate.hpp"

#include "register.hpp"

namespace overprune::bindings {
namespace {

py::dict bind_simulate(const Problem& problem, Index n, const Indices& sizes, const Indices& nonzeros,
                       const std::vector<std::string>& rules, bool retrain, double ridge,
                       double retrain_ridge, bool compensate, bool sample_curvature, Index first, Index count,
                       std::uint64_t seed, Index workers, const py::object& progress, Index design_limit) {
  const Grid grid = make_grid(sizes, nonzeros, rules, retrain, ridge, retrain_ridge, compensate);
  const Trials trials{n, first, count, seed, workers, sample_curvature, design_limit};
  const auto monitor = [&](Index done) {
    // The calling thread alone comes here; the workers touch Python only to call an activation or link.
    const py::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (!progress.is_none()) progress(done);
  };
  SimulateResult result;
  {
    const LongWork work;
    result = simulate(problem, grid, trials, monitor);
  }
  const auto k = static_cast<py::ssize_t>(sizes.size()), s = static_cast<py::ssize_t>(nonzeros.size());
  const auto r = static_cast<py::ssize_t>(rules.size());
  py::dict out;
  const auto put = [&](const char* name, const std::vector<double>& values, bool dense) {
    if (values.empty()) return;
    if (dense)
      out[name] = to_array(values, {count, k});
    else
      out[name] = to_array(values, {count, r, k, s});
  };
  put("dense_risk", result.dense_risk, true);
  put("pruned_risk", result.pruned_risk, false);
  put("retrained_risk", result.retrained_risk, false);
  put("compensated_risk", result.compensated_risk, false);
  put("dense_accuracy", result.dense_accuracy, true);
  put("pruned_accuracy", result.pruned_accuracy, false);
  put("retrained_accuracy", result.retrained_accuracy, false);
  return out;
}

py::tuple bind_worker_memory(const Problem& problem, Index n, const Indices& sizes, const Indices& nonzeros,
                             const std::vector<std::string>& rules, bool retrain, double ridge,
                             double retrain_ridge, bool compensate, Index design_limit) {
  const Grid grid = make_grid(sizes, nonzeros, rules, retrain, ridge, retrain_ridge, compensate);
  const WorkerMemory memory = worker_memory(problem, grid, n, design_limit);
  return py::make_tuple(memory.design, memory.sampler, memory.engine);
}

}  // namespace

void register_simulate(py::module_& module) {
  const auto limit = py::arg("design_limit") = kDesignLimit;
  module.def("simulate", &bind_simulate, py::arg("problem"), py::arg("n"), py::arg("sizes"),
             py::arg("nonzeros"), py::arg("rules"), py::arg("retrain"), py::arg("ridge"),
             py::arg("retrain_ridge"), py::arg("compensate"), py::arg("sample_curvature"), py::arg("first"),
             py::arg("count"), py::arg("seed"), py::arg("workers"), py::arg("progress"), limit);
  module.def("worker_memory", &bind_worker_memory, py::arg("problem"), py::arg("n"), py::arg("sizes"),
             py::arg("nonzeros"), py::arg("rules"), py::arg("retrain"), py::arg("ridge"),
             py::arg("retrain_ridge"), py::arg("compensate"), limit);
}

}  // namespace overprune::bindings
