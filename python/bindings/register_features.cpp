#include "overprune/features.hpp"

#include "callables.hpp"
#include "quick.hpp"

namespace overprune::bindings {

namespace {

/// random_features of plain arrays by a name; None where anything needs a closer look.
py::object quick_features(const py::object& inputs, const py::object& weights,
                          const py::object& activation, const py::object& bias) {
  if (!PyUnicode_CheckExact(activation.ptr()) || !is_plain(inputs) || !is_plain(weights))
    return py::none();
  const auto a = py::reinterpret_borrow<Array>(inputs), r = py::reinterpret_borrow<Array>(weights);
  if (a.ndim() != 2 || r.ndim() != 2 || a.shape(1) != r.shape(1)) return py::none();
  ConstVector shifts;
  if (!bias.is_none()) {
    if (!is_plain(bias)) return py::none();
    const auto b = py::reinterpret_borrow<Array>(bias);
    if (b.ndim() != 1 || b.shape(0) != r.shape(0)) return py::none();
    shifts = as_vector(b, "bias");
  }
  std::optional<Activation> phi;
  const ConstMatrix left = as_matrix(a, "inputs"), right = as_matrix(r, "weights");
  try {
    phi = activation_from_name(activation.cast<std::string>());
  } catch (const std::invalid_argument&) {
    return py::none();
  }
  Array out = new_array({left.rows, right.rows});
  const Matrix view = as_mutable_matrix(out);
  try {
    const ReleaseForMany release(left.rows * right.rows + left.rows * left.cols +
                                 right.rows * right.cols);
    random_features(left, right, *phi, shifts, view);
  } catch (const std::invalid_argument&) {
    return py::none();  // something is not finite
  }
  return out;
}

}  // namespace

void register_features(py::module_& module) {
  module.def("quick_features", &quick_features);
  module.def("random_features", [](const Array& inputs, const Array& weights,
                                   const py::object& activation, const std::optional<Array>& bias) {
    const ConstMatrix a = as_matrix(inputs, "inputs"), r = as_matrix(weights, "weights");
    const ConstVector shifts = bias ? as_vector(*bias, "bias") : ConstVector{};
    const ScalarFunction phi = as_function(activation, "activation");
    Array out = new_array({a.rows, r.rows});
    const Matrix view = as_mutable_matrix(out);
    {
      // The arrays outlive the call; a callable takes the GIL itself.
      const LongWork work;
      random_features(a, r, phi, shifts, view);
    }
    return out;
  });
}

}  // namespace overprune::bindings
