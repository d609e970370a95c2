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

py::dict bound_predict(const GroupedFeatures& features, double n, const std::vector<double>& sizes,
                       const std::vector<double>& nonzeros, const std::vector<std::string>& rules,
                       bool retrain, double ridge, double retrain_ridge) {
  RealGrid grid{sizes, nonzeros, {}, retrain, ridge, retrain_ridge};
  for (const std::string& rule : rules) grid.rules.push_back(rule_from_name(rule));
  PredictResult found;
  {
    const LongWork work;
    found = predict(features, n, grid, interruptible());
  }
  const auto K = static_cast<py::ssize_t>(sizes.size()),
             S = static_cast<py::ssize_t>(nonzeros.size());
  const auto R = static_cast<py::ssize_t>(rules.size());
  py::dict result;
  result["dense_risk"] = to_array(found.dense_risk, {K});
  result["pruned_risk"] = to_array(found.pruned_risk, {R, K, S});
  if (retrain) result["retrained_risk"] = to_array(found.retrained_risk, {R, K, S});
  return result;
}

py::dict drawn_tables(const DrawnResult& found, const Grid& grid) {
  const auto K = static_cast<py::ssize_t>(grid.sizes.size()),
             S = static_cast<py::ssize_t>(grid.nonzeros.size()),
             R = static_cast<py::ssize_t>(grid.rules.size());
  py::dict result;
  result["dense_risk"] = to_array(found.dense_risk, {K});
  result["draws"] = to_array(found.draws, {K});
  if (!found.dense_accuracy.empty()) {
    result["dense_accuracy"] = to_array(found.dense_accuracy, {K});
    result["dense_accuracy_stderr"] = to_array(found.dense_accuracy_stderr, {K});
  }
  const auto add = [&](const char* name, const std::vector<double>& values) {
    if (!values.empty()) result[name] = to_array(values, {R, K, S});
  };
  add("pruned_risk", found.pruned_risk);
  add("pruned_risk_stderr", found.pruned_stderr);
  add("retrained_risk", found.retrained_risk);
  add("retrained_risk_stderr", found.retrained_stderr);
  add("compensated_risk", found.compensated_risk);
  add("compensated_risk_stderr", found.compensated_stderr);
  add("pruned_accuracy", found.pruned_accuracy);
  add("pruned_accuracy_stderr", found.pruned_accuracy_stderr);
  add("retrained_accuracy", found.retrained_accuracy);
  add("retrained_accuracy_stderr", found.retrained_accuracy_stderr);
  return result;
}

py::tuple bound_grouped_survival(const GroupedFeatures& features, double n, double size,
                                 double nonzeros, const std::string& rule, double ridge) {
  GroupedSurvival found;
  {
    const LongWork work;
    found = survival(features, n, size, nonzeros, rule_from_name(rule), ridge);
  }
  const auto length = static_cast<py::ssize_t>(found.probability.size());
  return py::make_tuple(to_array(found.probability, {length}), found.threshold, found.overlap);
}

/// A table for each pair of n and ridge.
py::list bound_predict_drawn(const LinearGaussianProblem& problem, const Indices& n,
                             const std::vector<double>& ridge, const Indices& sizes,
                             const Indices& nonzeros, const std::vector<std::string>& rules,
                             bool retrain, double retrain_ridge, bool compensate, Index draws,
                             double rtol, std::uint64_t seed, Index workers,
                             const std::optional<Array>& test_features,
                             const std::optional<Array>& test_targets) {
  const Grid grid = make_grid(sizes, nonzeros, rules, retrain, 0.0, retrain_ridge, compensate);
  std::vector<Training> trainings;
  for (const Index samples : n)
    for (const double strength : ridge) trainings.push_back({samples, strength});
  DrawOptions options{draws, rtol, seed, workers, nullptr};
  TestSet test;
  if (test_features && test_targets) {
    test = {as_matrix(*test_features, "test_features"), as_matrix(*test_targets, "test_targets")};
    options.test = &test;
  }
  std::vector<DrawnResult> found;
  {
    const LongWork work;
    found = predict(problem, trainings, grid, options, interruptible());
  }
  py::list tables;
  for (const DrawnResult& result : found) tables.append(drawn_tables(result, grid));
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
  module.def("predict", &bound_predict);
  module.def("predict_drawn", &bound_predict_drawn);
  module.def("grouped_survival", &bound_grouped_survival);
}

}  // namespace overprune::bindings
