#include "overprune/pruning.hpp"

#include "quick.hpp"

namespace overprune::bindings {
namespace {

py::array_t<Index> as_array(const Indices& indices) {
  return py::array_t<Index>(static_cast<py::ssize_t>(indices.size()), indices.data());
}

py::array_t<Index> largest(ConstVector scores, Index k) {
  Indices chosen;
  {
    const ReleaseForMany release(scores.size);
    chosen = top_k(scores, k);
  }
  return as_array(chosen);
}

/// The same for a plain array of one dimension and a k that fits; None where anything needs a closer look.
py::object quick_top_k(const py::object& scores, const py::object& k) {
  const auto count = plain_unsigned(k);
  if (!count || !is_plain(scores)) return py::none();
  const auto array = py::reinterpret_borrow<Array>(scores);
  if (array.ndim() != 1 || *count < 1 || *count > static_cast<std::uint64_t>(array.shape(0)))
    return py::none();
  return largest(as_vector(array, "scores"), static_cast<Index>(*count));
}

/// The k rows of theta with the largest ranks of `ranked` (rank_scores); the others are zero.
Array keep_largest(const Array& theta, const Array& ranked, const std::optional<Array>& root_curvature,
                   Index k) {
  const ConstMatrix coefficients = as_matrix(theta, "theta"), sizes = as_matrix(ranked, "ranked");
  const ConstVector roots = root_curvature ? as_vector(*root_curvature, "root_curvature") : ConstVector{};
  Array out = new_array({coefficients.rows, coefficients.cols});
  const Matrix view = as_mutable_matrix(out);
  {
    const ReleaseForMany release(coefficients.rows * coefficients.cols);
    std::vector<double> ranks(sizes.rows);
    rank_scores(sizes, roots, vector_view(ranks));
    prune(coefficients, top_k(vector_view(ranks), k), view);
  }
  return out;
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
  module.def("top_k", [](const Array& scores, Index k) { return largest(as_vector(scores, "scores"), k); });
  module.def("quick_top_k", &quick_top_k);
  module.def("keep_largest", &keep_largest);
}

}  // namespace overprune::bindings
