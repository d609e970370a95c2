#include "overprune/simulate.hpp"

#include "register.hpp"

namespace overprune::bindings {
namespace {

/// Copies of the results of trials begin, ..., end - 1, the trials first.
py::dict arrays_of(const SimulateResult& found, const Grid& grid, Index begin, Index end) {
  const auto length = [](const auto& axis) { return static_cast<py::ssize_t>(axis.size()); };
  const std::vector<py::ssize_t> dense{end - begin, length(grid.sizes)};
  const std::vector<py::ssize_t> pruned{end - begin, length(grid.rules), length(grid.sizes),
                                        length(grid.nonzeros)};
  py::dict out;
  const auto put = [&](const char* name, const std::vector<double>& values,
                       const std::vector<py::ssize_t>& shape) {
    if (values.empty()) return;
    py::array_t<double> array(shape);
    std::copy_n(values.begin() + begin * (array.size() / (end - begin)), array.size(),
                array.mutable_data());
    out[name] = array;
  };
  put("dense_risk", found.dense_risk, dense);
  put("pruned_risk", found.pruned_risk, pruned);
  put("retrained_risk", found.retrained_risk, pruned);
  put("compensated_risk", found.compensated_risk, pruned);
  put("dense_accuracy", found.dense_accuracy, dense);
  put("pruned_accuracy", found.pruned_accuracy, pruned);
  put("retrained_accuracy", found.retrained_accuracy, pruned);
  return out;
}

void bind_simulate(const Problem& problem, Index n, const Indices& sizes, const Indices& nonzeros,
                   const std::vector<std::string>& rules, bool retrain, double ridge,
                   double retrain_ridge, bool compensate, bool sample_curvature, Index first,
                   const Indices& ends, std::uint64_t seed, Index workers,
                   const py::object& progress, const py::object& take, Index design_limit) {
  const Grid grid = make_grid(sizes, nonzeros, rules, retrain, ridge, retrain_ridge, compensate);
  if (ends.empty() || ends.front() < 1 || !std::is_sorted(ends.begin(), ends.end()))
    throw std::invalid_argument("ends must be ascending numbers of trials");
  const Trials trials{n, first, ends.back(), seed, workers, sample_curvature, design_limit};
  std::size_t taken = 0;  // of `ends`
  const auto monitor = [&](Index done, const SimulateResult& found) {
    // The calling thread alone comes here; the workers touch Python only to call an activation or
    // link.
    const py::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (!progress.is_none()) progress(done);
    for (; taken < ends.size() && ends[taken] <= done; ++taken)
      take(taken, arrays_of(found, grid, taken > 0 ? ends[taken - 1] : 0, ends[taken]));
  };
  const LongWork work;
  simulate(problem, grid, trials, monitor);
}

py::tuple bind_worker_memory(const Problem& problem, Index n, const Indices& sizes,
                             const Indices& nonzeros, const std::vector<std::string>& rules,
                             bool retrain, double ridge, double retrain_ridge, bool compensate,
                             Index design_limit) {
  const Grid grid = make_grid(sizes, nonzeros, rules, retrain, ridge, retrain_ridge, compensate);
  const WorkerMemory memory = worker_memory(problem, grid, n, design_limit);
  return py::make_tuple(memory.design, memory.sampler, memory.engine);
}

}  // namespace

void register_simulate(py::module_& module) {
  const auto limit = py::arg("design_limit") = kDesignLimit;
  module.def("simulate", &bind_simulate, py::arg("problem"), py::arg("n"), py::arg("sizes"),
             py::arg("nonzeros"), py::arg("rules"), py::arg("retrain"), py::arg("ridge"),
             py::arg("retrain_ridge"), py::arg("compensate"), py::arg("sample_curvature"),
             py::arg("first"), py::arg("ends"), py::arg("seed"), py::arg("workers"),
             py::arg("progress"), py::arg("take"), limit);
  module.def("worker_memory", &bind_worker_memory, py::arg("problem"), py::arg("n"),
             py::arg("sizes"), py::arg("nonzeros"), py::arg("rules"), py::arg("retrain"),
             py::arg("ridge"), py::arg("retrain_ridge"), py::arg("compensate"), limit);
}

}  // namespace overprune::bindings
