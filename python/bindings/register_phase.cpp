#include "overprune/phase.hpp"
#include "register.hpp"

namespace overprune::bindings {
namespace {

py::dict bound_phase(const std::vector<GroupedFeatures>& problems,
                     const std::vector<PhasePoint>& points, const PhaseOptions options) {
  PhaseResult found;
  {
    const LongWork work;
    found = phase(problems, points, options, interruptible());
  }
  const auto P = static_cast<py::ssize_t>(points.size()),
             R = static_cast<py::ssize_t>(options.rules.size());
  const py::ssize_t G = options.retrain ? 2 : 1;
  py::dict result;
  result["direct"] = to_array(found.direct, {P});
  result["oracle"] = to_array(found.oracle, {P});
  result["risk"] = to_array(found.risk, {P, R, G});
  result["size"] = to_array(found.size, {P, R, G});
  return result;
}

}  // namespace

void register_phase(py::module_& module) {
  Fields<PhasePoint>(module, "PhasePoint")
      .field("problem", &PhasePoint::problem)
      .field("n", &PhasePoint::n)
      .field("nonzeros", &PhasePoint::nonzeros)
      .field("sizes", &PhasePoint::sizes);
  Fields<PhaseOptions>(module, "PhaseOptions")
      .field("rules", &PhaseOptions::rules)
      .field("retrain", &PhaseOptions::retrain)
      .field("ridge", &PhaseOptions::ridge)
      .field("retrain_ridge", &PhaseOptions::retrain_ridge)
      .field("workers", &PhaseOptions::workers);
  module.def("phase", &bound_phase);
}

}  // namespace overprune::bindings
