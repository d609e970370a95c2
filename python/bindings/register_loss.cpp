#include "overprune/loss.hpp"

#include <memory>
#include <string>
#include <utility>

#include "register.hpp"

namespace overprune::bindings {
namespace {

/// Shared by copies, the last of which may die in a thread that does not hold the GIL.
std::shared_ptr<py::object> shared(py::object value) {
  return {new py::object(std::move(value)), [](py::object* held) {
            const py::gil_scoped_acquire acquire;
            delete held;
          }};
}

Array copy_of(const double* values, Index count) {
  Array array = new_array({count});
  std::copy_n(values, count, array.mutable_data());
  return array;
}

void copy_images(const py::object& result, const std::string& name, Index count, double* out) {
  const Array images(result);
  if (images.ndim() != 1 || images.shape(0) != count)
    throw std::invalid_argument(name + " must return an array of the shape that it is given");
  const auto image = images.unchecked<1>();
  for (Index i = 0; i < count; ++i) out[i] = image(i);
}

/// Calls body(y, x, out, count) with arrays of one shape, whose elements are computed one by one.
template <class Body>
Array by_elements(const Array& y, const Array& x, const Body& body) {
  check_ndim(y, 1, "y");
  check_ndim(x, 1, "f");
  if (y.shape(0) != x.shape(0)) throw std::invalid_argument("y and f must have one length");
  const auto labels = Array::ensure(y.attr("copy")()), points = Array::ensure(x.attr("copy")());
  Array out = new_array({y.shape(0)});
  body(labels.data(), points.data(), static_cast<Index>(y.shape(0)), out.mutable_data());
  return out;
}

}  // namespace

Loss loss_of(py::handle source) {
  if (py::isinstance<py::str>(source)) return loss_from_name(source.cast<std::string>());
  const auto value = shared(source.attr("value")), prox = shared(source.attr("prox"));
  return {source.attr("name").cast<std::string>(),
          [value](const double* y, const double* f, Index count, double* out) {
            const py::gil_scoped_acquire acquire;
            copy_images((*value)(copy_of(y, count), copy_of(f, count)), "value", count, out);
          },
          [prox](const double* y, const double* field, Index count, double V, double* out) {
            const py::gil_scoped_acquire acquire;
            copy_images((*prox)(copy_of(y, count), copy_of(field, count), V), "prox", count, out);
          }};
}

void register_loss(py::module_& module) {
  py::tuple names(std::size(kLosses));
  for (std::size_t i = 0; i < std::size(kLosses); ++i) names[i] = kLosses[i].name;
  module.attr("LOSSES") = names;
  module.def("check_convex", &check_convex);
  module.def("loss_value", [](const Loss& loss, const Array& y, const Array& f) {
    return by_elements(y, f, [&](auto... parts) { loss.value(parts...); });
  });
  module.def("loss_derivative", [](const Loss& loss, const Array& y, const Array& f) {
    return by_elements(y, f, [&](auto... parts) { loss.derivative(parts...); });
  });
  module.def("loss_prox", [](const Loss& loss, const Array& y, const Array& field, double V) {
    return by_elements(y, field, [&](const double* a, const double* b, Index count, double* out) {
      loss.prox(a, b, count, V, out);
    });
  });
  module.def("loss_prox_derivative", [](const Loss& loss, const Array& y, const Array& field,
                                        double V) {
    return by_elements(y, field, [&](const double* a, const double* b, Index count, double* out) {
      loss.prox_derivative(a, b, count, V, out);
    });
  });
}

}  // namespace overprune::bindings
