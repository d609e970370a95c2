#include "overprune/features.hpp"

#include "callables.hpp"
#include "register.hpp"

namespace overprune::bindings {

namespace {

/// @param weights  ConstMatrix or DrawnWeights
template <class Weights>
Array features_of(ConstMatrix inputs, const Weights& weights, const py::object& activation,
                  const std::optional<Array>& bias, Index workers) {
  const ConstVector shifts = bias ? as_vector(*bias, "bias") : ConstVector{};
  const ScalarFunction phi = as_function(activation, "activation");
  Array out = new_array({inputs.rows, weights.rows});
  const Matrix view = as_mutable_matrix(out);
  {
    const ReleaseForMany release((inputs.rows + inputs.cols) * weights.rows +
                                 inputs.rows * inputs.cols);
    random_features(inputs, weights, phi, shifts, view, workers);
  }
  return out;
}

Array bind_features(const Array& inputs, const Array& weights, const py::object& activation,
                    const std::optional<Array>& bias, Index workers) {
  return features_of(as_matrix(inputs, "inputs"), as_matrix(weights, "weights"), activation, bias,
                     workers);
}

/// `count` features whose weights are numbers of a stream of the user's.
Array bind_drawn_features(const Array& inputs, Index count, std::uint64_t seed,
                          std::uint64_t stream, const py::object& activation,
                          const std::optional<Array>& bias, Index workers) {
  const DrawnWeights weights{{seed, stream, Purpose::user}, count};
  return features_of(as_matrix(inputs, "inputs"), weights, activation, bias, workers);
}

}  // namespace

void register_features(py::module_& module) {
  py::list names;
  for (const char* name : kActivations) names.append(name);
  module.attr("ACTIVATIONS") = py::tuple(names);
  module.def("random_features", &bind_features);
  module.def("drawn_features", &bind_drawn_features);
}

}  // namespace overprune::bindings
