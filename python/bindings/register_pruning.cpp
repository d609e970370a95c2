#include "overprune/pruning.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "quick.hpp"

namespace overprune::bindings {
namespace {

/// Many indices are handed over, for a copy may take seconds; to copy a few is cheaper.
py::array_t<Index> as_array(Indices indices) {
  const auto count = static_cast<py::ssize_t>(indices.size());
  if (count <= 10000) return py::array_t<Index>(count, indices.data());
  auto kept = std::make_unique<Indices>(std::move(indices));
  const Index* data = kept->data();
  const py::capsule owner(kept.get(), [](void* pointer) { delete static_cast<Indices*>(pointer); });
  kept.release();
  return py::array_t<Index>(count, data, owner);
}

py::array_t<Index> largest(ConstVector scores, Index k) {
  Indices chosen;
  {
    const ReleaseForMany release(scores.size);
    chosen = top_k(scores, k);
  }
  return as_array(std::move(chosen));
}

/// The same for a plain array of one dimension and a k that fits; None where anything needs a
/// closer look.
py::object quick_top_k(const py::object& scores, const py::object& k) {
  const auto count = plain_unsigned(k);
  if (!count || !is_plain(scores)) return py::none();
  const auto array = py::reinterpret_borrow<Array>(scores);
  if (array.ndim() != 1 || *count < 1 || *count > static_cast<std::uint64_t>(array.shape(0)))
    return py::none();
  return largest(as_vector(array, "scores"), static_cast<Index>(*count));
}

/// A new array of zeros; numpy's own where it is large, for the system then gives memory that is
/// zero already.
Array zeros(const std::vector<py::ssize_t>& shape, Index count) {
  if (count > 10000) return py::module_::import("numpy").attr("zeros")(py::cast(shape));
  Array out = new_array(shape);
  std::fill_n(out.mutable_data(), count, 0.0);
  return out;
}

/// The rows of theta with the k largest ranks of `ranked` and a curvature, or of `ranked` alone.
Array keep(std::vector<py::ssize_t> shape, ConstMatrix theta, ConstMatrix ranked,
           ConstVector curvature, Index k) {
  const Index count = theta.rows * theta.cols;
  Array out = zeros(shape, count);
  const Matrix kept = row_major(out.mutable_data(), theta.rows, theta.cols);
  const ReleaseForMany release(count);
  Indices support;
  if (ranked.cols == 1 && curvature.size == 0) {
    support = top_k_magnitude({ranked.data, ranked.rows, ranked.row_stride}, k);
  } else {
    std::vector<double> ranks;  // first the roots, then the ranks
    ranks.reserve(theta.rows);
    release.in_parts(theta.rows, [&](Index first, Index end) {
      ranks.resize(end);
      for (Index i = first; i < std::min(end, curvature.size); ++i)
        ranks[i] = std::sqrt(curvature(i));
    });
    const Vector both = vector_view(ranks);
    rank_scores(ranked, {both.data, curvature.size, 1}, both);
    support = top_k(vector_view(ranks), k);
    const bool in_range = std::all_of(support.begin(), support.end(), [&](Index i) {
      return ranks[i] >= std::numeric_limits<double>::min() &&
             ranks[i] <= std::numeric_limits<double>::max();
    });
    if (!in_range) {
      std::vector<double> roots(curvature.size);
      for (Index i = 0; i < curvature.size; ++i) roots[i] = std::sqrt(curvature(i));
      if (rank_scores_beyond(ranked, vector_view(std::as_const(roots)), both))
        support = top_k(both, k);
    }
  }
  release.in_parts(static_cast<Index>(support.size()), [&](Index first, Index end) {
    for (Index at = first; at < end; ++at)
      for (Index j = 0, i = support[at]; j < theta.cols; ++j) kept(i, j) = theta(i, j);
  });
  return out;
}

Array keep_largest(const Array& theta, const Array& ranked, const std::optional<Array>& curvature,
                   Index k) {
  const ConstMatrix coefficients = as_matrix(theta, "theta");
  return keep({coefficients.rows, coefficients.cols}, coefficients, as_matrix(ranked, "ranked"),
              curvature ? as_vector(*curvature, "curvature") : ConstVector{}, k);
}

/// Plain arguments of the rules `magnitude` and `hessian`.
struct Plain {
  ConstMatrix theta;
  ConstVector curvature;  // empty for magnitude
};

std::optional<Plain> plain_rule(const py::object& theta, const py::object& rule,
                                const py::object& curvature) {
  if (!PyUnicode_CheckExact(rule.ptr())) return {};
  const bool hessian = PyUnicode_CompareWithASCIIString(rule.ptr(), "hessian") == 0;
  if (!hessian && PyUnicode_CompareWithASCIIString(rule.ptr(), "magnitude") != 0) return {};
  const auto coefficients = plain_finite(theta);
  if (!coefficients) return {};
  if (!hessian) return Plain{*coefficients, {}};
  const auto weights = plain_finite(curvature);
  if (!weights || py::reinterpret_borrow<Array>(curvature).ndim() != 1 ||
      weights->rows != coefficients->rows)
    return {};
  std::uint64_t signs = 0;  // any sign bit, also that of -0, is for the careful way
  if (weights->row_stride == 1) {
    const double* values = weights->data;  // without a stride the loop is vectorised
    for (Index i = 0, p = weights->rows; i < p; ++i)
      signs |= std::bit_cast<std::uint64_t>(values[i]);
  } else {
    for (Index i = 0; i < weights->rows; ++i)
      signs |= std::bit_cast<std::uint64_t>((*weights)(i, 0));
  }
  if (signs >> 63 != 0) return {};
  return Plain{*coefficients, {weights->data, weights->rows, weights->row_stride}};
}

/// importance and prune by those rules; None where anything needs a closer look.
py::object quick_importance(const py::object& theta, const py::object& rule,
                            const py::object& curvature) {
  const auto plain = plain_rule(theta, rule, curvature);
  if (!plain) return py::none();
  Array scores = new_array({plain->theta.rows});
  const Vector view = as_mutable_vector(scores);
  {
    const ReleaseForMany release(plain->theta.rows * plain->theta.cols);
    importance(plain->curvature.size > 0 ? Rule::hessian : Rule::magnitude, plain->theta,
               plain->curvature, view);
  }
  return scores;
}

py::object quick_prune(const py::object& theta, const py::object& nonzeros, const py::object& rule,
                       const py::object& curvature) {
  const auto k = plain_unsigned(nonzeros);
  const auto plain = plain_rule(theta, rule, curvature);
  if (!k || !plain || *k < 1 || *k > static_cast<std::uint64_t>(plain->theta.rows))
    return py::none();
  std::vector<py::ssize_t> shape{plain->theta.rows};
  if (py::reinterpret_borrow<Array>(theta).ndim() == 2) shape.push_back(plain->theta.cols);
  return keep(std::move(shape), plain->theta, plain->theta, plain->curvature,
              static_cast<Index>(*k));
}

}  // namespace

void register_pruning(py::module_& module) {
  module.def("importance", [](const Array& theta, const std::string& rule,
                              const std::optional<Array>& curvature) {
    const ConstMatrix coefficients = as_matrix(theta, "theta");
    Array scores = new_array({coefficients.rows});
    const Vector view = as_mutable_vector(scores);
    const ConstVector weights = curvature ? as_vector(*curvature, "curvature") : ConstVector{};
    {
      const ReleaseForMany release(coefficients.rows * coefficients.cols);
      importance(rule_from_name(rule), coefficients, weights, view);
    }
    return scores;
  });
  module.def("compensate", [](const Array& theta, const Indices& support, const Array& hessian) {
    const ConstMatrix coefficients = as_matrix(theta, "theta"),
                      metric = as_matrix(hessian, "hessian");
    Array out = new_array({coefficients.rows, coefficients.cols});
    const Matrix view = as_mutable_matrix(out);
    {
      const LongWork work;
      compensate(coefficients, support, metric, view);
    }
    return out;
  });
  module.def("top_k",
             [](const Array& scores, Index k) { return largest(as_vector(scores, "scores"), k); });
  module.def("quick_top_k", &quick_top_k);
  module.def("keep_largest", &keep_largest);
  module.def("quick_importance", &quick_importance);
  module.def("quick_prune", &quick_prune);
}

}  // namespace overprune::bindings
