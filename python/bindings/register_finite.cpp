#include "overprune/finite.hpp"

#include "quick.hpp"

namespace overprune::bindings {
namespace {

/// Whether `value` can go to the core as it is: exactly an array of finite, aligned doubles of one or two
/// dimensions, not empty.
bool finite_doubles(const py::object& value) {
  if (!is_plain(value)) return false;
  const auto array = py::reinterpret_borrow<Array>(value);
  if (array.ndim() < 1 || array.ndim() > 2) return false;
  const bool vector = array.ndim() == 1;
  const ConstMatrix numbers{array.data(), array.shape(0), vector ? 1 : array.shape(1), stride(array, 0),
                            vector ? 0 : stride(array, 1)};
  const ReleaseForMany release(numbers.rows * numbers.cols);
  return all_finite(numbers);
}

}  // namespace

void register_finite(py::module_& module) { module.def("finite_doubles", &finite_doubles); }

}  // namespace overprune::bindings
