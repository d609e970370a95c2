#include "overprune/features.hpp"

#include "register.hpp"

namespace overprune::bindings {

void register_features(py::module_& module) {
  module.def("random_features", [](const Array& inputs, const Array& weights, const std::string& activation,
                                   const std::optional<Array>& bias) {
    const ConstMatrix a = as_matrix(inputs, "inputs"), r = as_matrix(weights, "weights");
    const ConstVector shifts = bias ? as_vector(*bias, "bias") : ConstVector{};
    const Activation phi = activation_from_name(activation);
    Array out = new_array({a.rows, r.rows});
    const Matrix view = as_mutable_matrix(out);
    {
      // The arrays outlive the call and nothing below touches Python.
      const py::gil_scoped_release release;
      random_features(a, r, phi, shifts, view);
    }
    return out;
  });
}

}  // namespace overprune::bindings
