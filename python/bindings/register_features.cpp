#include "overprune/features.hpp"

#include "callables.hpp"
#include "register.hpp"

namespace overprune::bindings {

namespace {

Array bind_features(const Array& inputs, const Array& weights, const py::object& activation,
                    const std::optional<Array>& bias, Index workers) {
  const ConstMatrix a = as_matrix(inputs, "inputs"), r = as_matrix(weights, "weights");
  const ConstVector shifts = bias ? as_vector(*bias, "bias") : ConstVector{};
  const ScalarFunction phi = as_function(activation, "activation");
  Array out = new_array({a.rows, r.rows});
  const Matrix view = as_mutable_matrix(out);
  {
    const ReleaseForMany release(a.rows * r.rows + a.rows * a.cols + r.rows * r.cols);
    random_features(a, r, phi, shifts, view, workers);
  }
  return out;
}

}  // namespace

void register_features(py::module_& module) {
  py::list names;
  for (const char* name : kActivations) names.append(name);
  module.attr("ACTIVATIONS") = py::tuple(names);
  module.def("random_features", &bind_features);
}

}  // namespace overprune::bindings
