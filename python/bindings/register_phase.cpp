#include "overprune/phase.hpp"
#include "register.hpp"

namespace overprune::bindings {
namespace {

py::dict bound_phase(const std::vector<GroupedFeatures>& problems, const Indices& which,
                     const std::vector<double>& n, const std::vector<double>& nonzeros,
                     const std::vector<std::vector<double>>& sizes,
                     const std::vector<std::string>& rules, bool retrain, double ridge,
                     double retrain_ridge, Index workers) {
  if (n.size() != which.size() || nonzeros.size() != which.size() || sizes.size() != which.size())
    throw std::invalid_argument("n, nonzeros and sizes must have one entry for each point");
  std::vector<PhasePoint> points;
  for (std::size_t i = 0; i < which.size(); ++i)
    points.push_back({which[i], n[i], nonzeros[i], sizes[i]});
  PhaseOptions options{{}, retrain, ridge, retrain_ridge, workers};
  for (const std::string& rule : rules) options.rules.push_back(rule_from_name(rule));
  PhaseResult found;
  {
    const LongWork work;
    found = phase(problems, points, options, interruptible());
  }
  const auto P = static_cast<py::ssize_t>(points.size()),
             R = static_cast<py::ssize_t>(rules.size());
  const py::ssize_t G = retrain ? 2 : 1;
  py::dict result;
  result["direct"] = to_array(found.direct, {P});
  result["oracle"] = to_array(found.oracle, {P});
  result["risk"] = to_array(found.risk, {P, R, G});
  result["size"] = to_array(found.size, {P, R, G});
  return result;
}

}  // namespace

void register_phase(py::module_& module) { module.def("phase", &bound_phase); }

}  // namespace overprune::bindings
