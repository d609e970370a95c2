#include "overprune/pruning.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "register.hpp"

namespace overprune::bindings {
namespace {

/// Many indices are handed over, for a copy may take seconds; to copy a few is cheaper.
py::array_t<Index> as_array(Indices indices) {
  const auto count = static_cast<py::ssize_t>(indices.size());
  if (count <= 10000) {
    auto copied = new_array<py::array_t<Index>>(&count, 1);
    std::copy(indices.begin(), indices.end(), copied.mutable_data());
    return copied;
  }
  auto kept = std::make_unique<Indices>(std::move(indices));
  const Index* data = kept->data();
  const py::capsule owner(kept.get(), [](void* pointer) { delete static_cast<Indices*>(pointer); });
  kept.release();
  return py::array_t<Index>(count, data, owner);
}

py::array_t<Index> bind_top_k(const Array& scores, Index k) {
  const ConstVector view = as_vector(scores, "scores");
  Indices chosen;
  {
    const ReleaseForMany release(view.size);
    chosen = top_k(view, k);
  }
  return as_array(std::move(chosen));
}

/// A new array of zeros in the shape of another; numpy's own where it is large, for the system then
/// gives memory that is zero already.
Array zeros_like(const Array& array) {
  const std::vector<py::ssize_t> shape(array.shape(), array.shape() + array.ndim());
  if (array.size() > 10000) return py::module_::import("numpy").attr("zeros")(py::cast(shape));
  Array out = new_array(shape);
  std::fill_n(out.mutable_data(), array.size(), 0.0);
  return out;
}

/// The rows of theta with the k largest scores of `scored`, weighted by a power of the curvature.
Array keep_largest(const Array& coefficients, const Array& scored, int power,
                   const std::optional<Array>& weights, Index k) {
  const ConstMatrix theta = as_columns(coefficients, "theta"),
                    ranked = as_columns(scored, "scored");
  const ConstVector curvature = weights ? as_vector(*weights, "curvature") : ConstVector{};
  const Index count = theta.rows * theta.cols;
  Array out = zeros_like(coefficients);
  const Matrix kept = row_major(out.mutable_data(), theta.rows, theta.cols);
  const ReleaseForMany release(count);
  Indices support;
  if (ranked.cols == 1 && curvature.size == 0) {
    support = top_k_magnitude({ranked.data, ranked.rows, ranked.row_stride}, k);
  } else {
    std::vector<double> ranks;  // first the weights, then the ranks
    ranks.reserve(theta.rows);
    release.in_parts(theta.rows, [&](Index first, Index end) {
      ranks.resize(end);
      for (Index i = first; i < std::min(end, curvature.size); ++i)
        ranks[i] = rank_weight(std::sqrt(curvature(i)), power);
    });
    const Vector both = vector_view(ranks);
    rank_scores(ranked, {both.data, curvature.size, 1}, both);
    support = top_k(vector_view(ranks), k);
    const bool in_range = std::all_of(support.begin(), support.end(), [&](Index i) {
      return ranks[i] >= std::numeric_limits<double>::min() &&
             ranks[i] <= std::numeric_limits<double>::max();
    });
    if (!in_range) {
      std::vector<double> factors(curvature.size);
      for (Index i = 0; i < curvature.size; ++i)
        factors[i] = rank_weight(std::sqrt(curvature(i)), power);
      if (rank_scores_beyond(ranked, vector_view(std::as_const(factors)), both))
        support = top_k(both, k);
    }
  }
  release.in_parts(static_cast<Index>(support.size()), [&](Index first, Index end) {
    for (Index at = first; at < end; ++at)
      for (Index j = 0, i = support[at]; j < theta.cols; ++j) kept(i, j) = theta(i, j);
  });
  return out;
}

Array bind_importance(const Array& theta, int curvature_power,
                      const std::optional<Array>& curvature) {
  const ConstMatrix coefficients = as_columns(theta, "theta");
  const ConstVector weights = curvature ? as_vector(*curvature, "curvature") : ConstVector{};
  Array scores = new_array({coefficients.rows});
  const Vector view = as_mutable_vector(scores);
  {
    const ReleaseForMany release(coefficients.rows * coefficients.cols);
    importance(coefficients, curvature_power, weights, view);
  }
  return scores;
}

Array bind_compensate(const Array& theta, const Indices& support, const Array& hessian) {
  const ConstMatrix coefficients = as_matrix(theta, "theta"),
                    metric = as_matrix(hessian, "hessian");
  Array out = new_array({coefficients.rows, coefficients.cols});
  const Matrix view = as_mutable_matrix(out);
  {
    const LongWork work;
    compensate(coefficients, support, metric, view);
  }
  return out;
}

}  // namespace

void register_pruning(py::module_& module) {
  py::dict rules;  // of tuples, which Python reads faster than properties
  for (const RuleTraits& rule : kRules)
    rules[rule.name] = py::make_tuple(rule.name, rule.scores_coefficients, rule.curvature_power,
                                      rule.needs_truth, rule.needs_seed, rule.trains_itself);
  module.attr("RULES") = rules;
  module.def("importance", &bind_importance);
  module.def("compensate", &bind_compensate);
  module.def("top_k", &bind_top_k);
  module.def("keep_largest", &keep_largest);
}

}  // namespace overprune::bindings
