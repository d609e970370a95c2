#include "overprune/lasso.hpp"

#include "register.hpp"

namespace overprune::bindings {
namespace {

py::tuple as_tuple(const LassoPath& found, Index features) {
  const auto count = static_cast<py::ssize_t>(found.penalty.size());
  return py::make_tuple(to_array(found.coefficients, {count, features}),
                        to_array(found.penalty, {count}), to_array(found.nonzeros, {count}),
                        to_array(found.suboptimality, {count}));
}

py::tuple bind_lasso_path(const Array& x, const Array& y, const Indices& nonzeros, double ridge) {
  const ConstMatrix design = as_matrix(x, "X"), response = as_matrix(y, "y");
  LassoPath found;
  {
    const LongWork work;
    found = lasso_path(design, response, nonzeros, ridge, interruptible());
  }
  return as_tuple(found, design.cols);
}

py::tuple bind_lasso_at(const Array& x, const Array& y, const std::vector<double>& penalties,
                        double ridge) {
  const ConstMatrix design = as_matrix(x, "X"), response = as_matrix(y, "y");
  LassoPath found;
  {
    const LongWork work;
    found = lasso_at(design, response, penalties, ridge, interruptible());
  }
  return as_tuple(found, design.cols);
}

}  // namespace

void register_lasso(py::module_& module) {
  using namespace py::literals;
  module.def("lasso_path", &bind_lasso_path, "X"_a, "y"_a, "nonzeros"_a, "ridge"_a);
  module.def("lasso_at", &bind_lasso_at, "X"_a, "y"_a, "penalties"_a, "ridge"_a);
}

}  // namespace overprune::bindings
