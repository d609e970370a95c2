#include "overprune/estimate.hpp"

#include "register.hpp"

namespace overprune::bindings {
namespace {

py::dict bind_estimate(const Array& x, const Array& y, const Grid grid,
                       const std::optional<Array>& curvature, std::uint64_t seed,
                       std::uint64_t stream, Index workers) {
  const ConstMatrix design = as_matrix(x, "X"), response = as_matrix(y, "y");
  RuleInputs inputs;
  if (curvature) inputs.curvature = as_vector(*curvature, "curvature");
  inputs.seed = seed;
  inputs.stream = stream;
  RiskTable found;
  {
    const LongWork work;
    found = estimate_risk(design, response, grid, inputs, workers, interruptible());
  }
  return to_dict(found);
}

}  // namespace

void register_estimate(py::module_& module) { module.def("estimate_risk", &bind_estimate); }

}  // namespace overprune::bindings
