#include "overprune/features.hpp"

#include "callables.hpp"
#include "register.hpp"

namespace overprune::bindings {

void register_features(py::module_& module) {
  module.def("random_features", [](const Array& inputs, const Array& weights, const py::object& activation,
                                   const std::optional<Array>& bias) {
    const ConstMatrix a = as_matrix(inputs, "inputs"), r = as_matrix(weights, "weights");
    const ConstVector shifts = bias ? as_vector(*bias, "bias") : ConstVector{};
    const ScalarFunction phi = as_function(activation, "activation");
    Array out = new_array({a.rows, r.rows});
    const Matrix view = as_mutable_matrix(out);
    {
      // The arrays outlive the call; a callable takes the GIL itself.
      const py::gil_scoped_release release;
      random_features(a, r, phi, shifts, view);
    }
    return out;
  });
}

}  // namespace overprune::bindings
