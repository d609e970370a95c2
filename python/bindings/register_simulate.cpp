#include "overprune/simulate.hpp"

#include "register.hpp"

namespace overprune::bindings {
namespace {

void bind_simulate(const Problem& problem, const Grid grid, Trials trials, const Indices& ends,
                   const py::object& progress, const py::object& take) {
  if (ends.empty() || ends.front() < 1 || !std::is_sorted(ends.begin(), ends.end()))
    throw std::invalid_argument("ends must be ascending numbers of trials");
  trials.count = ends.back();
  std::size_t taken = 0;  // of `ends`
  const auto monitor = [&](Index done, const RiskTable& found) {
    // The calling thread alone comes here; the workers touch Python only to call an activation or
    // link.
    const py::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (!progress.is_none()) progress(done);
    for (; taken < ends.size() && ends[taken] <= done; ++taken)
      take(taken, to_dict(found, taken > 0 ? ends[taken - 1] : 0, ends[taken]));
  };
  const LongWork work;
  simulate(problem, grid, trials, monitor);
}

py::dict bind_judge_path(const Problem& problem, const Grid& grid, const Array& dense,
                         const py::array_t<Index>& order, const std::optional<Array>& retrained,
                         const std::optional<py::dict>& lasso, std::uint64_t stream) {
  const auto numbers = [](const auto& array) {
    return std::vector(array.data(), array.data() + array.size());
  };
  PrunePathResult found;
  found.p = dense.shape(1);
  found.m = dense.shape(2);
  found.most = order.shape(2);
  found.dense = numbers(dense);
  found.order = numbers(order);
  if (retrained) found.retrained = numbers(*retrained);
  if (lasso) {
    const auto doubles = [&](const char* name) { return numbers((*lasso)[name].cast<Array>()); };
    const auto indices = [&](const char* name) {
      return numbers((*lasso)[name].cast<py::array_t<Index>>());
    };
    SparseModels& models = found.lasso;
    models.most = (*lasso)["support"].cast<py::array_t<Index>>().shape(2);
    models.count = indices("count");
    models.support = indices("support");
    models.pruned = doubles("pruned");
    if (grid.retrain) models.retrained = doubles("retrained");
    models.penalty = doubles("penalty");
  }
  RiskTable risks;
  {
    const LongWork work;
    risks = judge_path(problem, grid, found, stream, interruptible());
  }
  return to_dict(risks);
}

}  // namespace

void register_simulate(py::module_& module) {
  using namespace py::literals;
  Fields<Trials>(module, "Trials")
      .field("n", &Trials::n)
      .field("first", &Trials::first)
      .field("count", &Trials::count)
      .field("seed", &Trials::seed)
      .field("workers", &Trials::workers)
      .field("sample_curvature", &Trials::sample_curvature)
      .field("design_limit", &Trials::design_limit);
  module.def("simulate", &bind_simulate, "problem"_a, "grid"_a, "trials"_a, "ends"_a, "progress"_a,
             "take"_a);
  module.def(
      "simulated_table",
      [](const Problem& problem, const Grid& grid) {
        return to_dict(simulated_table(problem, grid, 0));
      },
      "problem"_a, "grid"_a);
  module.def("judge_path", &bind_judge_path, "problem"_a, "grid"_a, "dense"_a, "order"_a,
             "retrained"_a, "lasso"_a, "stream"_a);
  module.def(
      "worker_memory",
      [](const Problem& problem, const Grid& grid, Index n, std::optional<Index> design_limit,
         Index threads) {
        const WorkerMemory memory = worker_memory(problem, grid, n, design_limit, threads);
        return py::make_tuple(memory.design, memory.sampler, memory.engine);
      },
      "problem"_a, "grid"_a, "n"_a, "design_limit"_a = py::none(), "threads"_a = 1);
}

}  // namespace overprune::bindings
