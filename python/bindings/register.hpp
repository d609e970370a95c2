// One function per topic; module.cpp calls them all.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "overprune/interrupt.hpp"
#include "overprune/loss.hpp"
#include "overprune/pruning.hpp"
#include "overprune/risk_table.hpp"
#include "overprune/types.hpp"

/// A rule is its name in Python.
template <>
struct pybind11::detail::type_caster<overprune::Rule> {
  PYBIND11_TYPE_CASTER(overprune::Rule, const_name("str"));
  bool load(handle source, bool) {
    if (!isinstance<str>(source)) return false;
    value = overprune::rule_from_name(source.cast<std::string>());
    return true;
  }
  static handle cast(overprune::Rule rule, return_value_policy, handle) {
    return str(overprune::name_of(rule)).release();
  }
};

namespace overprune::bindings {

/// A loss by its name, or of an object with the functions value(y, f) and prox(y, field, V).
Loss loss_of(pybind11::handle source);

}  // namespace overprune::bindings

/// A named loss is its name in Python.
template <>
struct pybind11::detail::type_caster<overprune::Loss> {
 private:
  overprune::Loss value = overprune::NamedLoss::square;

 public:
  static constexpr auto name = const_name("object");
  template <typename T>
  using cast_op_type = movable_cast_op_type<T>;
  operator overprune::Loss*() { return &value; }
  operator overprune::Loss&() { return value; }
  operator overprune::Loss&&() && { return std::move(value); }
  bool load(handle source, bool) {
    value = overprune::bindings::loss_of(source);
    return true;
  }
  static handle cast(const overprune::Loss& loss, return_value_policy, handle) {
    return str(loss.name()).release();
  }
};

namespace overprune::bindings {

namespace py = pybind11;

void register_classifier_theory(py::module_& module);
void register_estimate(py::module_& module);
void register_features(py::module_& module);
void register_finite(py::module_& module);
void register_lasso(py::module_& module);
void register_laws(py::module_& module);
void register_loss(py::module_& module);
void register_classifier(py::module_& module);
void register_layer(py::module_& module);
void register_least_squares(py::module_& module);
void register_phase(py::module_& module);
void register_problem(py::module_& module);
void register_prune_path(py::module_& module);
void register_pruning(py::module_& module);
void register_random(py::module_& module);
void register_schedule(py::module_& module);
void register_simulate(py::module_& module);
void register_theory(py::module_& module);

/// A float64 array of any layout, its strides whole elements (a field of a packed record is
/// copied). pybind11 converts other dtypes; Python has already refused those that lose.
using Array = py::array_t<double, static_cast<int>(py::array::forcecast) |
                                      static_cast<int>(py::detail::npy_api::NPY_ARRAY_ALIGNED_)>;

/// Whether `value` is exactly a numpy array of aligned doubles.
inline bool is_doubles(py::handle value) {
  static PyObject* const float64 = py::dtype::of<double>().release().ptr();
  const auto& numpy = py::detail::npy_api::get();
  if (Py_TYPE(value.ptr()) != numpy.PyArray_Type_) return false;
  const auto* array = py::detail::array_proxy(value.ptr());
  return array->descr == float64 && (array->flags & py::detail::npy_api::NPY_ARRAY_ALIGNED_) != 0;
}

}  // namespace overprune::bindings

namespace pybind11::detail {

/// Takes an array that needs no conversion as it is: looking for one costs numpy half a
/// microsecond.
template <>
struct pyobject_caster<overprune::bindings::Array> {
  using type = overprune::bindings::Array;
  static constexpr auto name = handle_type_name<type>::name;
  template <typename T>
  using cast_op_type = movable_cast_op_type<T>;

  bool load(handle source, bool convert) {
    if (overprune::bindings::is_doubles(source))
      value_ = reinterpret_borrow<type>(source);
    else if (convert || type::check_(source))
      value_ = type::ensure(source);
    return static_cast<bool>(value_);
  }
  static handle cast(const handle& source, return_value_policy, handle) { return source.inc_ref(); }
  operator type*() { return &value_; }
  operator type&() { return value_; }
  operator type&&() && { return std::move(value_); }

 private:
  type value_ = reinterpret_steal<type>(handle());
};

}  // namespace pybind11::detail

namespace overprune::bindings {

/// pybind11 would pass a 1-D array where a matrix is meant; the number of dimensions is therefore
/// checked here.
inline void check_ndim(const py::array& array, py::ssize_t ndim, const char* name) {
  if (array.ndim() != ndim)
    throw std::invalid_argument(std::string(name) + " must have " + std::to_string(ndim) +
                                " dimensions, got " + std::to_string(array.ndim()));
}

/// Strides in elements of dimension `axis`.
inline Index stride(const py::array& array, py::ssize_t axis) {
  return array.strides(axis) / array.itemsize();
}

inline ConstVector as_vector(const Array& array, const char* name) {
  check_ndim(array, 1, name);
  return {array.data(), array.shape(0), stride(array, 0)};
}

inline ConstMatrix as_matrix(const Array& array, const char* name) {
  check_ndim(array, 2, name);
  return {array.data(), array.shape(0), array.shape(1), stride(array, 0), stride(array, 1)};
}

/// The same, one dimension being one column.
inline ConstMatrix as_columns(const Array& array, const char* name) {
  if (array.ndim() != 1) return as_matrix(array, name);
  return {array.data(), array.shape(0), 1, stride(array, 0), 0};
}

inline Vector as_mutable_vector(Array& array) {
  return {array.mutable_data(), array.shape(0), stride(array, 0)};
}

inline Matrix as_mutable_matrix(Array& array) {
  return {array.mutable_data(), array.shape(0), array.shape(1), stride(array, 0), stride(array, 1)};
}

/// A new C-order array of the given shape, uninitialised: by numpy's own function, since pybind11's
/// constructor costs small calls more than their work.
template <class AnyArray = Array>
AnyArray new_array(const py::ssize_t* shape, std::size_t ndim) {
  using Number = typename AnyArray::value_type;
  static PyObject* const dtype = py::dtype::of<Number>().release().ptr();
  const auto& numpy = py::detail::npy_api::get();
  Py_INCREF(dtype);  // taken over by the array
  PyObject* const array = numpy.PyArray_NewFromDescr_(
      numpy.PyArray_Type_, dtype, static_cast<int>(ndim), shape, nullptr, nullptr, 0, nullptr);
  if (array == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<AnyArray>(array);
}
inline Array new_array(std::initializer_list<py::ssize_t> shape) {
  return new_array(shape.begin(), shape.size());
}
inline Array new_array(const std::vector<py::ssize_t>& shape) {
  return new_array(shape.data(), shape.size());
}

/// A copy of `values` as a C-order array of that shape.
template <class T>
py::array_t<T> to_array(const std::vector<T>& values, std::vector<py::ssize_t> shape) {
  py::array_t<T> array(std::move(shape));
  std::copy(values.begin(), values.end(), array.mutable_data());
  return array;
}

/// What long calls poll from the calling thread, a few times a second: raises KeyboardInterrupt on
/// Ctrl-C. Takes the GIL itself, so it may run while the GIL is released.
inline void raise_if_interrupted() {
  py::gil_scoped_acquire acquire;
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

/// The same as a callback for loops that poll far more often: at most one look every 50 ms.
inline std::function<void()> interruptible() {
  return [last = std::chrono::steady_clock::now()]() mutable {
    const auto now = std::chrono::steady_clock::now();
    if (now - last < std::chrono::milliseconds(50)) return;
    last = now;
    raise_if_interrupted();
  };
}

/// While it lives the GIL is free, and the library's work in this thread looks for Ctrl-C. The
/// arrays that the work reads outlive it, being held by the caller.
class LongWork {
 public:
  LongWork() = default;
  LongWork(const LongWork&) = delete;
  LongWork& operator=(const LongWork&) = delete;
  void look() const { poll_(); }

 private:
  std::function<void()> poll_ = interruptible();
  Interruptible scope_{poll_};
  py::gil_scoped_release release_;
};

/// A struct of named fields, which are the keywords of its constructor in Python. What is not given
/// has the default of the C++ struct.
template <class T>
class Fields {
 public:
  Fields(py::module_& module, const char* name) : type_(module, name) {
    type_.def(py::init([](const py::kwargs& given) {
      T made;
      const py::object fields = py::cast(&made, py::return_value_policy::reference);
      for (const auto& [key, value] : given) py::setattr(fields, key, value);
      return made;
    }));
  }
  template <class Value>
  Fields& field(const char* name, Value T::* member) {
    type_.def_readwrite(name, member);
    return *this;
  }

 private:
  py::class_<T> type_;
};

/// The fields of Grid and RealGrid.
template <class T>
void grid_fields(Fields<T>& grid) {
  grid.field("sizes", &T::sizes)
      .field("nonzeros", &T::nonzeros)
      .field("rules", &T::rules)
      .field("retrain", &T::retrain)
      .field("ridge", &T::ridge)
      .field("retrain_ridge", &T::retrain_ridge)
      .field("compensate", &T::compensate)
      .field("loss", &T::loss);
}

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

/// Trials begin, ..., end - 1 of a table whose first dimensions are trials: a dict from the names
/// of the arrays to the names of their dimensions and a copy of their numbers.
inline py::dict to_dict(const RiskTable& table, Index begin, Index end) {
  py::dict found;
  for (std::size_t i = 0; i < table.names.size(); ++i) {
    py::tuple names(table.dimensions[i].size());
    std::vector<py::ssize_t> shape;
    for (const Dimension& dimension : table.dimensions[i]) {
      names[shape.size()] = py::str(dimension.name);
      shape.push_back(dimension.length);
    }
    Index row = 1;
    if (begin != end) {
      row = static_cast<Index>(table.values[i].size()) / shape.front();
      shape.front() = end - begin;
    }
    Array numbers = new_array(std::move(shape));
    std::copy_n(table.values[i].begin() + begin * row, numbers.size(), numbers.mutable_data());
    found[table.names[i].c_str()] = py::make_tuple(names, numbers);
  }
  return found;
}
/// The same for the whole of any table.
inline py::dict to_dict(const RiskTable& table) { return to_dict(table, 0, 0); }

}  // namespace overprune::bindings
