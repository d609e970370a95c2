#include "overprune/pruning.hpp"

#include "register.hpp"

namespace overprune::bindings {
namespace {

py::array_t<Index> as_array(const Indices& indices) {
  return py::array_t<Index>(static_cast<py::ssize_t>(indices.size()), indices.data());
}

}  // namespace

void register_pruning(py::module_& module) {
  module.def(
      "importance", [](const Array& theta, const std::string& rule, const std::optional<Array>& curvature) {
        const ConstMatrix coefficients = as_matrix(theta, "theta");
        Array scores = new_array({coefficients.rows});
        importance(rule_from_name(rule), coefficients,
                   curvature ? as_vector(*curvature, "curvature") : ConstVector{}, as_mutable_vector(scores));
        return scores;
      });
  module.def("rank_scores", [](const Array& theta, const std::optional<Array>& root_curvature) {
    const ConstMatrix coefficients = as_matrix(theta, "theta");
    Array scores = new_array({coefficients.rows});
    rank_scores(coefficients, root_curvature ? as_vector(*root_curvature, "root_curvature") : ConstVector{},
                as_mutable_vector(scores));
    return scores;
  });
  module.def("compensate", [](const Array& theta, const Indices& support, const Array& hessian) {
    const ConstMatrix coefficients = as_matrix(theta, "theta"), metric = as_matrix(hessian, "hessian");
    Array out = new_array({coefficients.rows, coefficients.cols});
    const Matrix view = as_mutable_matrix(out);
    {
      const py::gil_scoped_release release;
      compensate(coefficients, support, metric, view);
    }
    return out;
  });
  module.def("top_k",
             [](const Array& scores, Index k) { return as_array(top_k(as_vector(scores, "scores"), k)); });
}

}  // namespace overprune::bindings
