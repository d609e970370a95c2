#include "overprune/theory.hpp"
#include "register.hpp"

namespace overprune::bindings {
namespace {

double bound_fixed_point(const Array& eigenvalues, Index n, double ridge) {
  const ConstVector view = as_vector(eigenvalues, "eigenvalues");
  const LongWork work;
  return fixed_point(view, n, ridge);
}

py::tuple bound_coefficient_law(const Array& eigenvalues, const Array& beta, double noise_std,
                                Index n, double ridge) {
  const ConstVector lam = as_vector(eigenvalues, "eigenvalues"), truth = as_vector(beta, "beta");
  CoefficientLaw law;
  {
    const LongWork work;
    law = coefficient_law(lam, truth, noise_std, n, ridge);
  }
  return py::make_tuple(to_array(law.mean, {lam.size}), to_array(law.variance, {lam.size}));
}

GroupedFeatures bound_group(const Array& eigenvalues, const Array& beta, double noise_std) {
  const ConstVector lam = as_vector(eigenvalues, "eigenvalues"), truth = as_vector(beta, "beta");
  const LongWork work;
  return GroupedFeatures(lam, truth, noise_std);
}

GroupedFeatures bound_blocks(const Array& eigenvalues, const Array& weights, const Array& signal,
                             const std::vector<bool>& gaussian, double noise_std) {
  const Spectrum spectrum{as_vector(eigenvalues, "eigenvalues"),
                          as_vector(weights, "weights"),
                          as_vector(signal, "signal"),
                          {gaussian.begin(), gaussian.end()},
                          noise_std};
  const LongWork work;
  return GroupedFeatures(spectrum);
}

py::dict bound_predict(const GroupedFeatures& features, double n, const RealGrid grid) {
  RiskTable found;
  {
    const LongWork work;
    found = predict(features, n, grid, interruptible());
  }
  return to_dict(found);
}

py::tuple bound_grouped_survival(const GroupedFeatures& features, double n, double size,
                                 double nonzeros, Rule rule, double ridge) {
  GroupedSurvival found;
  {
    const LongWork work;
    found = survival(features, n, size, nonzeros, rule, ridge);
  }
  const auto length = static_cast<py::ssize_t>(found.probability.size());
  return py::make_tuple(to_array(found.probability, {length}), found.threshold, found.overlap);
}

/// A table for each training, a pair of n and ridge.
py::list bound_predict_drawn(const LinearGaussianProblem& problem,
                             const std::vector<std::pair<Index, double>>& trainings,
                             const Grid grid, DrawOptions options,
                             const std::optional<Array>& test_features,
                             const std::optional<Array>& test_targets) {
  std::vector<Training> pairs;
  for (const auto& [n, ridge] : trainings) pairs.push_back({n, ridge});
  TestSet test;
  if (test_features && test_targets) {
    test = {as_matrix(*test_features, "test_features"), as_matrix(*test_targets, "test_targets")};
    options.test = &test;
  }
  std::vector<RiskTable> found;
  {
    const LongWork work;
    found = predict(problem, pairs, grid, options, interruptible());
  }
  py::list tables;
  for (const RiskTable& table : found) tables.append(to_dict(table));
  return tables;
}

}  // namespace

void register_theory(py::module_& module) {
  using namespace py::literals;
  module.def("fixed_point", &bound_fixed_point, "eigenvalues"_a, "n"_a, "ridge"_a);
  module.def("coefficient_law", &bound_coefficient_law, "eigenvalues"_a, "beta"_a, "noise_std"_a,
             "n"_a, "ridge"_a);
  // Immutable, so that threads may share one without the GIL.
  py::class_<GroupedFeatures>(module, "GroupedFeatures")
      .def(py::init(&bound_group))
      .def_static("of_blocks", &bound_blocks)
      .def_property_readonly("total", &GroupedFeatures::total)
      .def_property_readonly("null_risk", &GroupedFeatures::null_risk)
      .def_property_readonly("runs", &GroupedFeatures::runs)
      .def_property_readonly("atoms", &GroupedFeatures::atoms);
  Fields<RealGrid> grid(module, "RealGrid");
  grid_fields(grid);
  Fields<DrawOptions>(module, "DrawOptions")
      .field("draws", &DrawOptions::draws)
      .field("rtol", &DrawOptions::rtol)
      .field("seed", &DrawOptions::seed)
      .field("workers", &DrawOptions::workers);
  module.def("predict", &bound_predict);
  module.def("predict_drawn", &bound_predict_drawn);
  module.def("grouped_survival", &bound_grouped_survival);
}

}  // namespace overprune::bindings
