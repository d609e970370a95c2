#include "overprune/finite.hpp"

#include "register.hpp"

namespace overprune::bindings {
namespace {

/// Whether the core can take `value` as it is: exactly an array of finite, aligned doubles of one
/// or two dimensions, not empty. The check of every argument, so it does nothing that costs time.
bool finite_doubles(const py::object& value) {
  if (!is_doubles(value)) return false;
  const auto array = py::reinterpret_borrow<Array>(value);
  if (array.ndim() < 1 || array.ndim() > 2 || array.size() == 0) return false;
  const ConstMatrix numbers = as_columns(array, "value");
  const ReleaseForMany release(numbers.rows * numbers.cols);
  return all_finite(numbers);
}

bool any_negative(const Array& values) {
  const ConstVector view = as_vector(values, "values");
  bool found = false;
  for (Index i = 0; i < view.size; ++i) found |= view(i) < 0.0;
  return found;
}

}  // namespace

void register_finite(py::module_& module) {
  module.def("finite_doubles", &finite_doubles);
  module.def("any_negative", &any_negative);
}

}  // namespace overprune::bindings
