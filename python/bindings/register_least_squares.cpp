#include "overprune/least_squares.hpp"

#include "register.hpp"

namespace overprune::bindings {
namespace {

py::tuple bind_path(const Array& x, const Array& y, const Indices& sizes, double ridge,
                    bool want_info, Index workers) {
  const ConstMatrix design = as_matrix(x, "X"), response = as_matrix(y, "y");
  Array theta = new_array({static_cast<py::ssize_t>(sizes.size()), design.cols, response.cols});
  double* out = theta.mutable_data();
  SolveInfo info;
  {
    const LongWork work;
    least_squares_path(design, response, sizes, ridge, out, want_info ? &info : nullptr, workers,
                       interruptible());
  }
  return py::make_tuple(theta, info.rank, info.condition);
}

Array bind_retrain(const Array& x, const Array& y, const Indices& order, const Indices& nonzeros,
                   double ridge, Index workers) {
  const ConstMatrix design = as_matrix(x, "X"), response = as_matrix(y, "y");
  Array theta = new_array({static_cast<py::ssize_t>(nonzeros.size()), design.cols, response.cols});
  double* out = theta.mutable_data();
  {
    const LongWork work;
    retrain_path(design, response, order, nonzeros, ridge, out, workers, interruptible());
  }
  return theta;
}

}  // namespace

void register_least_squares(py::module_& module) {
  using namespace py::literals;
  module.def("least_squares_path", &bind_path, "X"_a, "y"_a, "sizes"_a, "ridge"_a, "want_info"_a,
             "workers"_a = 1);
  module.def("retrain_path", &bind_retrain, "X"_a, "y"_a, "order"_a, "nonzeros"_a, "ridge"_a,
             "workers"_a = 1);
}

}  // namespace overprune::bindings
