// Functions given by name or as a Python callable.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "overprune/features.hpp"
#include "register.hpp"

namespace overprune::bindings {

/// A named function, or a callable that maps arrays (count,) to arrays of that shape. The core may
/// call it from any thread, without the GIL: it is taken for the call alone.
inline ScalarFunction as_function(const py::object& value, const char* name) {
  if (py::isinstance<py::str>(value)) return activation_from_name(value.cast<std::string>());
  // The last copy may die in a thread that does not hold the GIL.
  const std::shared_ptr<py::object> function(new py::object(value), [](py::object* held) {
    const py::gil_scoped_acquire acquire;
    delete held;
  });
  const auto call = [function, name = std::string(name)](double* values, Index count) {
    const py::gil_scoped_acquire acquire;
    Array images = new_array({count});
    std::copy_n(values, count, images.mutable_data());
    images = Array((*function)(images));
    if (images.ndim() != 1 || images.shape(0) != count)
      throw std::invalid_argument(name + " must return an array of the shape that it is given");
    const auto image = images.unchecked<1>();
    for (Index i = 0; i < count; ++i) values[i] = image(i);
  };
  return {name, call};
}

}  // namespace overprune::bindings
