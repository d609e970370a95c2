#include "overprune/problem.hpp"

#include "overprune/classification.hpp"

#include "callables.hpp"
#include "register.hpp"

namespace overprune::bindings {
namespace {

using Linear = LinearGaussianProblem;

std::shared_ptr<Linear> make_linear(const Array& beta, const Array& covariance, double noise_std,
                                    const std::optional<Array>& noise_covariance) {
  const ConstMatrix coefficients = as_matrix(beta, "beta");
  const Noise noise =
      noise_covariance ? Noise(as_matrix(*noise_covariance, "noise_covariance")) : Noise(noise_std);
  if (covariance.ndim() == 1) {
    const ConstVector variances = as_vector(covariance, "covariance");
    const LongWork work;
    return std::make_shared<Linear>(coefficients, variances, noise);
  }
  const ConstMatrix sigma = as_matrix(covariance, "covariance");
  const LongWork work;
  return std::make_shared<Linear>(coefficients, sigma, noise);
}

/// A column-major (Fortran-order) copy, which is how the core holds matrices.
Array copied(ConstMatrix values) {
  constexpr py::ssize_t size = sizeof(double);
  Array out({values.rows, values.cols}, {size, size * values.rows});
  double* to = out.mutable_data();
  Index since = 0;
  for (Index j = 0; j < values.cols; ++j) {
    std::copy_n(&values(0, j), values.rows, to + j * values.rows);
    // Every few million numbers: the memory is touched for the first time, which takes its time.
    if ((since += values.rows) < (Index{1} << 22)) continue;
    since = 0;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  }
  return out;
}

Array copied(ConstVector values) {
  Array out = new_array({values.size});
  for (Index i = 0; i < values.size; ++i) out.mutable_at(i) = values(i);
  return out;
}

/// Draws X (n, p) and y (n, m) of one trial.
py::tuple sample(const Problem& problem, Index n, std::uint64_t seed, std::uint64_t stream) {
  std::unique_ptr<Sampler> source;
  {
    const LongWork work;
    source = problem.sampler(n);
    source->draw(seed, stream, interruptible());
  }
  return py::make_tuple(copied(source->design()), copied(source->response()));
}

Array linear_risk(const Linear& problem, const Array& theta) {
  const ConstMatrix coefficients = as_matrix(theta, "theta");
  Array out = new_array({coefficients.cols / problem.targets()});
  const Vector risk = as_mutable_vector(out);
  {
    const LongWork work;
    problem.risk(coefficients, risk);
  }
  return out;
}

std::shared_ptr<LinearClassificationProblem> make_labels(const Linear& field) {
  const LongWork work;
  return std::make_shared<LinearClassificationProblem>(field);
}

Array label_errors(const LinearClassificationProblem& problem, const Array& theta) {
  const ConstMatrix models = as_matrix(theta, "theta");
  Array out = new_array({models.cols});
  const Vector errors = as_mutable_vector(out);
  {
    const LongWork work;
    problem.error(models, errors);
  }
  return out;
}

py::tuple label_overlaps(const LinearClassificationProblem& problem, const Array& theta) {
  const ConstMatrix models = as_matrix(theta, "theta");
  Array teacher = new_array({models.cols}), self = new_array({models.cols});
  const Vector m = as_mutable_vector(teacher), q = as_mutable_vector(self);
  {
    const LongWork work;
    problem.overlaps(models, m, q);
  }
  return py::make_tuple(teacher, self);
}

Array oracle_scores(const Problem& problem, Index k) {
  Array out = new_array({k});
  double* scores = out.mutable_data();
  {
    const LongWork work;
    problem.oracle_scores(k, scores);
  }
  return out;
}

Linear restricted(const Linear& problem, const Indices& features) {
  const LongWork work;
  return problem.restrict(features);
}

double null_risk(const Linear& problem) {
  const LongWork work;
  return problem.null_risk();
}

std::shared_ptr<RandomFeatureProblem> make_features(const Array& weights, const Array& teacher,
                                                    double noise_std, const py::object& activation,
                                                    const std::optional<Array>& bias,
                                                    const py::object& link) {
  const ConstMatrix r = as_matrix(weights, "weights");
  const ConstVector w = as_vector(teacher, "teacher");
  const ConstVector shifts = bias ? as_vector(*bias, "bias") : ConstVector{};
  const ScalarFunction phi = as_function(activation, "activation"), g = as_function(link, "link");
  const LongWork work;
  return std::make_shared<RandomFeatureProblem>(r, w, noise_std, phi, shifts, g, interruptible());
}

/// Shared, and as good as const: linear Gaussian problems have nothing that changes them.
std::shared_ptr<Linear> equivalent(const RandomFeatureProblem& problem) {
  return std::const_pointer_cast<Linear>(problem.share_equivalent());
}

std::shared_ptr<DataProblem> make_data(const Array& inputs, const Array& targets,
                                       const Array& test_inputs, const Array& test_targets,
                                       bool classes, Index features, const py::object& activation,
                                       std::uint64_t seed) {
  const DataProblem::Data data{as_matrix(inputs, "inputs"), as_matrix(targets, "targets"),
                               as_matrix(test_inputs, "test_inputs"),
                               as_matrix(test_targets, "test_targets")};
  const ScalarFunction phi = as_function(activation, "activation");
  const LongWork work;
  return std::make_shared<DataProblem>(data, classes, features, phi, seed);
}

Array test_features(const DataProblem& problem, std::uint64_t stream, Index test_rows) {
  Array out = new_array({test_rows, problem.features()});
  const Matrix view = as_mutable_matrix(out);
  {
    const LongWork work;
    problem.test_features(stream, view);
  }
  return out;
}

}  // namespace

void register_problem(py::module_& module) {
  py::class_<Problem, std::shared_ptr<Problem>>(module, "Problem")
      .def_property_readonly("features", &Problem::features)
      .def_property_readonly("targets", &Problem::targets)
      .def_property_readonly("has_labels", &Problem::has_labels)
      .def_property_readonly("redraws_cheaply", &Problem::redraws_cheaply)
      .def("sample", &sample)
      .def("oracle_scores", &oracle_scores);
  py::class_<Linear, Problem, std::shared_ptr<Linear>>(module, "LinearGaussianProblem")
      .def(py::init(&make_linear))
      .def_property_readonly("noise_std", &Linear::noise_std)
      .def_property_readonly("noise_floor", &Linear::noise_floor)
      .def_property_readonly(
          "noise_covariance",
          [](const Linear& problem) { return copied(problem.noise_covariance()); })
      .def_property_readonly("diagonal", &Linear::diagonal)
      .def_property_readonly("beta", [](const Linear& problem) { return copied(problem.beta()); })
      .def_property_readonly("variances",
                             [](const Linear& problem) { return copied(problem.variances()); })
      .def_property_readonly("covariance",
                             [](const Linear& problem) { return copied(problem.covariance()); })
      .def_property_readonly("null_risk", &null_risk)
      .def("restrict", &restricted)
      .def("risk", &linear_risk);
  using Labels = LinearClassificationProblem;
  py::class_<Labels, Problem, std::shared_ptr<Labels>>(module, "LinearClassificationProblem")
      .def(py::init(&make_labels))
      .def_property_readonly("signal", &Labels::signal)
      .def_property_readonly("bayes_error", &Labels::bayes_error)
      .def("regression",
           [](const Labels& problem) {
             const LongWork work;
             return std::make_shared<Linear>(problem.regression());
           })
      .def("error", &label_errors)
      .def("overlaps", &label_overlaps);
  module.def("check_loss", &check_loss);
  py::class_<RandomFeatureProblem, Problem, std::shared_ptr<RandomFeatureProblem>>(
      module, "RandomFeatureProblem")
      .def(py::init(&make_features))
      .def_property_readonly("null_risk", &RandomFeatureProblem::null_risk)
      .def("equivalent", &equivalent);
  py::class_<DataProblem, Problem, std::shared_ptr<DataProblem>>(module, "DataProblem")
      .def(py::init(&make_data))
      .def("test_features", &test_features);
}

}  // namespace overprune::bindings
