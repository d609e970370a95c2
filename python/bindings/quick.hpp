// Quick ways for small inputs: arguments that need no conversion and no check beyond what is done
// here. Everything else takes the way through Python's checks, whose messages say what is wrong.
#pragma once

#include "overprune/finite.hpp"
#include "register.hpp"

namespace overprune::bindings {

/// LongWork where the work is worth it: handing the GIL over costs more than a few thousand numbers
/// do.
class ReleaseForMany {
 public:
  explicit ReleaseForMany(Index count) {
    if (count > 10000) work_.emplace();
  }

  /// Calls body(first, end) for the parts of so many items, looking for Ctrl-C after each. The
  /// parts are small: every item of an array of zeros may be the first of a huge page, which the
  /// system clears only then.
  template <class Body>
  void in_parts(Index count, const Body& body) const {
    constexpr Index most = 64;
    for (Index first = 0; first < count; first += most) {
      body(first, std::min(first + most, count));
      if (work_) work_->look();
    }
  }

 private:
  std::optional<LongWork> work_;
};

/// Whether `value` is exactly a numpy array of aligned doubles, not empty.
inline bool is_plain(py::handle value) {
  static PyObject* const float64 = py::dtype::of<double>().release().ptr();
  const auto& numpy = py::detail::npy_api::get();
  if (Py_TYPE(value.ptr()) != numpy.PyArray_Type_) return false;
  const auto* array = py::detail::array_proxy(value.ptr());
  if (array->descr != float64 || !(array->flags & py::detail::npy_api::NPY_ARRAY_ALIGNED_))
    return false;
  for (int axis = 0; axis < array->nd; ++axis)
    if (array->dimensions[axis] == 0) return false;
  return true;
}

/// A view of a plain array of one or two dimensions, one being a column; none for anything else or
/// what is not finite.
inline std::optional<ConstMatrix> plain_finite(py::handle value) {
  if (!is_plain(value)) return {};
  const auto array = py::reinterpret_borrow<Array>(value);
  if (array.ndim() < 1 || array.ndim() > 2) return {};
  const bool vector = array.ndim() == 1;
  const ConstMatrix numbers{array.data(), array.shape(0), vector ? 1 : array.shape(1),
                            stride(array, 0), vector ? 0 : stride(array, 1)};
  const ReleaseForMany release(numbers.rows * numbers.cols);
  if (!all_finite(numbers)) return {};
  return numbers;
}

/// The value of exactly an int in [0, 2^64); none for anything else.
inline std::optional<std::uint64_t> plain_unsigned(py::handle value) {
  if (!PyLong_CheckExact(value.ptr())) return {};
  const auto number = PyLong_AsUnsignedLongLong(value.ptr());
  if (number == static_cast<unsigned long long>(-1) && PyErr_Occurred()) {
    PyErr_Clear();
    return {};
  }
  return number;
}

}  // namespace overprune::bindings
