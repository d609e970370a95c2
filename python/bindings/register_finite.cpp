#include "overprune/finite.hpp"

#include "register.hpp"

namespace overprune::bindings {
namespace {

/// The number of dimensions of `value` where the core can take it as it is: exactly an array of
/// finite, aligned doubles of one or two dimensions, not empty. 0 for anything else. Every argument
/// goes through this check, so it is quick.
py::ssize_t finite_doubles(const py::object& value) {
  if (!is_doubles(value)) return 0;
  const auto array = py::reinterpret_borrow<Array>(value);
  if (array.ndim() < 1 || array.ndim() > 2 || array.size() == 0) return 0;
  const ConstMatrix numbers = as_columns(array, "value");
  const ReleaseForMany release(numbers.rows * numbers.cols);
  return all_finite(numbers) ? array.ndim() : 0;
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
