#include "overprune/prune_path.hpp"

#include "register.hpp"

namespace overprune::bindings {
namespace {

py::dict bind_prune_path(const Array& x, const Array& y, const Grid grid,
                         const std::optional<Array>& curvature, const std::optional<Array>& truth,
                         std::uint64_t seed, std::uint64_t stream, Index workers) {
  const ConstMatrix design = as_matrix(x, "X"), response = as_matrix(y, "y");
  RuleInputs inputs;
  if (curvature) inputs.curvature = as_vector(*curvature, "curvature");
  if (truth) inputs.truth = as_matrix(*truth, "truth");
  inputs.seed = seed;
  inputs.stream = stream;
  PrunePathResult result;
  {
    const LongWork work;
    result = prune_path(design, response, grid, inputs, workers, interruptible());
  }
  const auto length = [](const auto& axis) { return static_cast<py::ssize_t>(axis.size()); };
  const py::ssize_t r = length(grid.rules), k = length(grid.sizes), s = length(grid.nonzeros);
  py::dict out;
  out["dense"] = to_array(result.dense, {k, result.p, result.m});
  out["order"] = to_array(result.order, {r, k, result.most});
  if (grid.retrain) out["retrained"] = to_array(result.retrained, {r, k, s, result.most, result.m});
  if (const SparseModels& lasso = result.lasso; !lasso.count.empty()) {
    py::dict models;
    models["count"] = to_array(lasso.count, {k, s});
    models["support"] = to_array(lasso.support, {k, s, lasso.most});
    models["pruned"] = to_array(lasso.pruned, {k, s, lasso.most});
    if (grid.retrain) models["retrained"] = to_array(lasso.retrained, {k, s, lasso.most});
    models["penalty"] = to_array(lasso.penalty, {k, s});
    models["suboptimality"] = to_array(lasso.suboptimality, {k, s});
    out["lasso"] = models;
  }
  if (grid.loss.takes_numbers()) {
    out["rank"] = result.info.rank;
    out["condition"] = result.info.condition;
  } else {
    out["gap"] = result.classifiers.gap;
  }
  return out;
}

}  // namespace

void register_prune_path(py::module_& module) {
  Fields<Grid> grid(module, "Grid");
  grid_fields(grid);
  grid.field("penalties", &Grid::penalties);
  py::list stages;
  for (const char* stage : kStageNames) stages.append(stage);
  module.attr("STAGES") = py::tuple(stages);
  module.def("prune_path", &bind_prune_path);
}

}  // namespace overprune::bindings
