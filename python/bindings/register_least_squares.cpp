#include "overprune/least_squares.hpp"

#include "register.hpp"

namespace overprune::bindings {
namespace {

py::tuple bind_path(const Array& x, const Array& y, const Indices& sizes, double ridge,
                    bool want_info) {
  const ConstMatrix design = as_matrix(x, "X"), response = as_matrix(y, "y");
  Array theta = new_array({static_cast<py::ssize_t>(sizes.size()), design.cols, response.cols});
  double* out = theta.mutable_data();
  SolveInfo info;
  {
    const LongWork work;
    least_squares_path(design, response, sizes, ridge, out, want_info ? &info : nullptr,
                       interruptible());
  }
  return py::make_tuple(theta, info.rank, info.condition);
}

Array bind_retrain(const Array& x, const Array& y, const Indices& order, const Indices& nonzeros,
                   double ridge) {
  const ConstMatrix design = as_matrix(x, "X"), response = as_matrix(y, "y");
  Array theta = new_array({static_cast<py::ssize_t>(nonzeros.size()), design.cols, response.cols});
  double* out = theta.mutable_data();
  {
    const LongWork work;
    retrain_path(design, response, order, nonzeros, ridge, out, interruptible());
  }
  return theta;
}

}  // namespace

void register_least_squares(py::module_& module) {
  module.def("least_squares_path", &bind_path);
  module.def("retrain_path", &bind_retrain);
}

}  // namespace overprune::bindings
