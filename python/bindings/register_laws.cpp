#include "overprune/classifier_theory.hpp"
#include "overprune/laws.hpp"
#include "register.hpp"

namespace overprune::bindings {
namespace {

PruningPoint make_point(Index n, Index size, const std::string& rule, double ridge,
                        double retrain_ridge = 0.0) {
  return {n, size, rule_from_name(rule), ridge, retrain_ridge};
}

py::tuple bound_model_law(const LinearGaussianProblem& problem, Index n, double ridge) {
  ModelLaw law;
  {
    const LongWork work;
    law = model_law(problem, n, ridge);
  }
  const auto p = static_cast<py::ssize_t>(problem.features()),
             m = static_cast<py::ssize_t>(problem.targets());
  std::vector<py::ssize_t> square{p, p};
  if (problem.diagonal()) square.pop_back();
  return py::make_tuple(to_array(law.mean, {p, m}), to_array(law.spread, square),
                        to_array(law.omega, {m, m}), law.finite);
}

py::dict bound_survival(const LinearGaussianProblem& problem, Index n, Index size,
                        const Indices& nonzeros, const std::string& rule, double ridge, Index draws,
                        std::uint64_t seed, Index workers) {
  const PruningPoint point = make_point(n, size, rule, ridge);
  Survival found;
  {
    const LongWork work;
    found = survival(problem, point, nonzeros, {draws, seed, workers}, interruptible());
  }
  const auto S = static_cast<py::ssize_t>(nonzeros.size()), k = static_cast<py::ssize_t>(size);
  py::dict result;
  const auto add = [&](const char* name, const std::vector<double>& values,
                       std::vector<py::ssize_t> shape) {
    if (!values.empty()) result[name] = to_array(values, std::move(shape));
  };
  add("probability", found.probability, {S, k});
  add("threshold", found.threshold, {S});
  add("overlap", found.overlap, {S});
  result["oracle"] = to_array(found.oracle, {S, k});
  add("probability_stderr", found.probability_stderr, {S, k});
  add("threshold_stderr", found.threshold_stderr, {S});
  add("overlap_stderr", found.overlap_stderr, {S});
  return result;
}

py::dict to_dict(const ModelSamples& found, Index draws, Index size, Index nonzeros,
                 Index targets) {
  const auto D = static_cast<py::ssize_t>(draws), k = static_cast<py::ssize_t>(size),
             s = static_cast<py::ssize_t>(nonzeros), m = static_cast<py::ssize_t>(targets);
  py::dict result;
  result["dense"] = to_array(found.dense, {D, k, m});
  result["support"] = to_array(found.support, {D, s});
  if (!found.retrained.empty()) result["retrained"] = to_array(found.retrained, {D, s, m});
  return result;
}

py::dict to_dict(const CoefficientDensity& found, Index targets) {
  const auto m = static_cast<py::ssize_t>(targets),
             cells = static_cast<py::ssize_t>(found.dense.size()) / m;
  py::dict result;
  result["dense"] = to_array(found.dense, {m, cells});
  result["surviving"] = to_array(found.surviving, {m, cells});
  if (!found.retrained.empty()) result["retrained"] = to_array(found.retrained, {m, cells});
  return result;
}

/// @param find  (poll) to the result
template <class Find>
auto interruptibly(const Find& find) {
  const LongWork work;
  return find(interruptible());
}

py::dict bound_sample_models(const LinearGaussianProblem& problem, Index n, Index size,
                             Index nonzeros, const std::string& rule, bool retrain, double ridge,
                             double retrain_ridge, Index draws, std::uint64_t seed, Index workers) {
  const PruningPoint point = make_point(n, size, rule, ridge, retrain_ridge);
  const ModelSamples found = interruptibly([&](const auto& poll) {
    return sample_models(problem, point, nonzeros, retrain, {draws, seed, workers}, poll);
  });
  return to_dict(found, draws, size, nonzeros, problem.targets());
}

py::dict bound_sample_classifiers(const LinearClassificationProblem& problem, const Loss& loss,
                                  Index n, Index size, Index nonzeros, const std::string& rule,
                                  bool retrain, double ridge, double retrain_ridge, Index draws,
                                  std::uint64_t seed, Index workers) {
  const PruningPoint point = make_point(n, size, rule, ridge, retrain_ridge);
  const ModelSamples found = interruptibly([&](const auto& poll) {
    return sample_models(problem, loss, point, nonzeros, retrain, {draws, seed, workers}, poll);
  });
  return to_dict(found, draws, size, nonzeros, 1);
}

py::dict bound_coefficient_density(const LinearGaussianProblem& problem, Index n, Index size,
                                   Index nonzeros, const std::string& rule, bool retrain,
                                   double ridge, double retrain_ridge, const Array& edges,
                                   const Indices& features, Index draws, std::uint64_t seed,
                                   Index workers) {
  const PruningPoint point = make_point(n, size, rule, ridge, retrain_ridge);
  const ConstVector cells = as_vector(edges, "edges");
  const CoefficientDensity found = interruptibly([&](const auto& poll) {
    return coefficient_density(problem, point, nonzeros, retrain, cells, features,
                               {draws, seed, workers}, poll);
  });
  return to_dict(found, problem.targets());
}

py::dict bound_classifier_density(const LinearClassificationProblem& problem, const Loss& loss,
                                  Index n, Index size, Index nonzeros, const std::string& rule,
                                  bool retrain, double ridge, double retrain_ridge,
                                  const Array& edges, const Indices& features, Index draws,
                                  std::uint64_t seed, Index workers) {
  const PruningPoint point = make_point(n, size, rule, ridge, retrain_ridge);
  const ConstVector cells = as_vector(edges, "edges");
  const CoefficientDensity found = interruptibly([&](const auto& poll) {
    return coefficient_density(problem, loss, point, nonzeros, retrain, cells, features,
                               {draws, seed, workers}, poll);
  });
  return to_dict(found, 1);
}

}  // namespace

void register_laws(py::module_& module) {
  module.def("model_law", &bound_model_law);
  module.def("dense_equivalent", [](const LinearGaussianProblem& problem) {
    const LongWork work;
    return std::make_shared<LinearGaussianProblem>(dense_equivalent(problem));
  });
  module.def("survival", &bound_survival);
  module.def("sample_models", &bound_sample_models);
  module.def("sample_classifiers", &bound_sample_classifiers);
  module.def("coefficient_density", &bound_coefficient_density);
  module.def("classifier_density", &bound_classifier_density);
}

}  // namespace overprune::bindings
