// One function per topic; module.cpp calls them all.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <stdexcept>
#include <string>

#include "overprune/types.hpp"

namespace overprune::bindings {

namespace py = pybind11;

void register_features(py::module_& module);
void register_least_squares(py::module_& module);
void register_problem(py::module_& module);
void register_pruning(py::module_& module);
void register_random(py::module_& module);
void register_simulate(py::module_& module);
void register_theory(py::module_& module);

/// A float64 array of any layout. pybind11 converts other dtypes; Python has already refused those that lose.
using Array = py::array_t<double>;

/// pybind11 would pass a 1-D array where a matrix is meant; the number of dimensions is therefore checked here.
inline void check_ndim(const py::array& array, py::ssize_t ndim, const char* name) {
  if (array.ndim() != ndim)
    throw std::invalid_argument(std::string(name) + " must have " + std::to_string(ndim) + " dimensions, got " +
                                std::to_string(array.ndim()));
}

/// Strides in elements of dimension `axis`.
inline Index stride(const py::array& array, py::ssize_t axis) { return array.strides(axis) / array.itemsize(); }

inline ConstVector as_vector(const Array& array, const char* name) {
  check_ndim(array, 1, name);
  return {array.data(), array.shape(0), stride(array, 0)};
}

inline ConstMatrix as_matrix(const Array& array, const char* name) {
  check_ndim(array, 2, name);
  return {array.data(), array.shape(0), array.shape(1), stride(array, 0), stride(array, 1)};
}

inline Vector as_mutable_vector(Array& array) { return {array.mutable_data(), array.shape(0), stride(array, 0)}; }

inline Matrix as_mutable_matrix(Array& array) {
  return {array.mutable_data(), array.shape(0), array.shape(1), stride(array, 0), stride(array, 1)};
}

/// A new C-order array of the given shape, uninitialised.
inline Array new_array(std::vector<py::ssize_t> shape) { return Array(std::move(shape)); }

/// What long calls poll from the calling thread, a few times a second: raises KeyboardInterrupt on Ctrl-C.
/// Takes the GIL itself, so it may run while the GIL is released.
inline void raise_if_interrupted() {
  py::gil_scoped_acquire acquire;
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

}  // namespace overprune::bindings
