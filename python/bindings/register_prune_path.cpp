#include "overprune/prune_path.hpp"

#include "register.hpp"

namespace overprune::bindings {
namespace {

py::dict bind_prune_path(const Array& x, const Array& y, const Indices& sizes,
                         const Indices& nonzeros, const std::vector<std::string>& rules,
                         bool retrain, double ridge, double retrain_ridge,
                         const std::optional<Array>& curvature, const std::optional<Array>& truth,
                         std::uint64_t seed, std::uint64_t stream) {
  const ConstMatrix design = as_matrix(x, "X"), response = as_matrix(y, "y");
  const Grid grid = make_grid(sizes, nonzeros, rules, retrain, ridge, retrain_ridge);
  RuleInputs inputs;
  if (curvature) inputs.curvature = as_vector(*curvature, "curvature");
  if (truth) inputs.truth = as_matrix(*truth, "truth");
  inputs.seed = seed;
  inputs.stream = stream;
  PrunePathResult result;
  {
    const LongWork work;
    result = prune_path(design, response, grid, inputs, interruptible());
  }
  const auto k = static_cast<py::ssize_t>(sizes.size()),
             s = static_cast<py::ssize_t>(nonzeros.size());
  const auto r = static_cast<py::ssize_t>(rules.size());
  py::dict out;
  out["dense"] = to_array(result.dense, {k, result.p, result.m});
  out["order"] = to_array(result.order, {r, k, result.most});
  if (retrain) out["retrained"] = to_array(result.retrained, {r, k, s, result.most, result.m});
  out["rank"] = result.info.rank;
  out["condition"] = result.info.condition;
  return out;
}

}  // namespace

void register_prune_path(py::module_& module) { module.def("prune_path", &bind_prune_path); }

}  // namespace overprune::bindings
