#include "overprune/classifier.hpp"

#include "register.hpp"

namespace overprune::bindings {
namespace {

py::tuple bind_classifier_path(const Array& x, const Array& y, const Indices& sizes,
                               const Loss& loss, double ridge, Index workers) {
  const ConstMatrix design = as_matrix(x, "X"), labels = as_matrix(y, "y");
  Array theta = new_array({static_cast<py::ssize_t>(sizes.size()), design.cols, labels.cols});
  double* out = theta.mutable_data();
  ClassifierInfo info;
  {
    const LongWork work;
    classifier_path(design, labels, sizes, loss, ridge, out, &info, workers, interruptible());
  }
  return py::make_tuple(theta, info.factors, info.gap);
}

}  // namespace

void register_classifier(py::module_& module) {
  using namespace py::literals;
  module.def("classifier_path", &bind_classifier_path, "X"_a, "y"_a, "sizes"_a, "loss"_a, "ridge"_a,
             "workers"_a = 1);
}

}  // namespace overprune::bindings
