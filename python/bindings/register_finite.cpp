#include "quick.hpp"

namespace overprune::bindings {
namespace {

/// Whether `value` can go to the core as it is: exactly an array of finite, aligned doubles of one
/// or two dimensions, not empty.
bool finite_doubles(const py::object& value) { return plain_finite(value).has_value(); }

}  // namespace

void register_finite(py::module_& module) { module.def("finite_doubles", &finite_doubles); }

}  // namespace overprune::bindings
