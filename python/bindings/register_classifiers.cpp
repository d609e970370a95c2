#include "overprune/classifiers.hpp"

#include "register.hpp"

namespace overprune::bindings {
namespace {

/// A table for each training, a pair of n and ridge.
py::list bound_predict_labels(const LinearClassificationProblem& problem,
                              const std::vector<std::pair<Index, double>>& trainings,
                              const Grid grid, const DrawOptions& options) {
  std::vector<Training> pairs;
  for (const auto& [n, ridge] : trainings) pairs.push_back({n, ridge});
  std::vector<RiskTable> found;
  {
    const LongWork work;
    found = predict_labels(problem, pairs, grid, options, interruptible());
  }
  py::list tables;
  for (const RiskTable& table : found) tables.append(to_dict(table));
  return tables;
}

/// The regression, or None, and its ridge.
py::tuple bound_label_law(const LinearClassificationProblem& problem, Index n, double ridge,
                          const Loss& loss) {
  LabelLaw law;
  {
    const LongWork work;
    law = label_law(problem, n, ridge, loss);
  }
  return py::make_tuple(std::const_pointer_cast<LinearGaussianProblem>(law.regression), law.ridge);
}

}  // namespace

void register_classifiers(py::module_& module) {
  module.def("predict_labels", &bound_predict_labels);
  module.def("label_law", &bound_label_law);
}

}  // namespace overprune::bindings
