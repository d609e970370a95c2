#include "overprune/layer.hpp"

#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>

#include "reference.hpp"
#include "solve/surgeon.hpp"
#include "testing.hpp"

using namespace overprune;

namespace {

/// X (n, p) row-major, rectified normals of which neighbours depend on one another.
reference::Values layer_rows(Index n, Index p, std::uint64_t stream) {
  reference::Values x = reference::normals(n * p, stream);
  for (Index i = 0; i < n; ++i)
    for (Index j = 1; j < p; ++j) x[i * p + j] += 0.7 * x[i * p + j - 1];
  for (double& value : x) value = std::max(value, 0.0);
  return x;
}

/// X'X / n (p, p).
reference::Values moments(const reference::Values& x, Index n, Index p) {
  reference::Values h(p * p, 0.0);
  for (Index i = 0; i < n; ++i)
    for (Index a = 0; a < p; ++a)
      for (Index b = 0; b < p; ++b)
        h[a * p + b] += x[i * p + a] * x[i * p + b] / static_cast<double>(n);
  return h;
}

/// The inverse of H on the inputs that are left.
reference::Values inverse_on(const reference::Values& h, Index p, const Indices& left) {
  const Index k = static_cast<Index>(left.size());
  reference::Values block(k * k), identity(k * k, 0.0);
  for (Index a = 0; a < k; ++a) {
    identity[a * k + a] = 1.0;
    for (Index b = 0; b < k; ++b) block[a * k + b] = h[left[a] * p + left[b]];
  }
  return reference::solve(block, identity, k, k);
}

/// w'_S = w_S + H_SS^{-1} H_{S,gone} w_gone, whole row.
reference::Values refitted(const reference::Values& h, Index p, const double* w,
                           const Indices& left) {
  const Index k = static_cast<Index>(left.size());
  const reference::Values inverse = inverse_on(h, p, left);
  reference::Values pull(k, 0.0), out(p, 0.0);
  for (Index a = 0; a < k; ++a)
    for (Index j = 0; j < p; ++j)
      if (std::find(left.begin(), left.end(), j) == left.end())
        pull[a] += h[left[a] * p + j] * w[j];
  for (Index a = 0; a < k; ++a) {
    out[left[a]] = w[left[a]];
    for (Index b = 0; b < k; ++b) out[left[a]] += inverse[b * k + a] * pull[b];
  }
  return out;
}

/// The surgeon with every inverse and every weight made afresh.
Indices slow_surgeon(const reference::Values& h, Index p, const double* w, Index keep) {
  Indices left(p);
  std::iota(left.begin(), left.end(), Index{0});
  while (static_cast<Index>(left.size()) > keep) {
    const Index k = static_cast<Index>(left.size());
    const reference::Values inverse = inverse_on(h, p, left), own = refitted(h, p, w, left);
    Index best = 0;
    double least = std::numeric_limits<double>::infinity();
    for (Index a = 0; a < k; ++a) {
      const double cost = own[left[a]] * own[left[a]] / inverse[a * k + a];
      if (cost < least) least = cost, best = a;
    }
    left.erase(left.begin() + best);
  }
  return left;
}

}  // namespace

TEST_CASE("prune_layer: the surgeon is backward elimination, whatever the number of removals") {
  const Index n = 120, p = 41, m = 3;
  const reference::Values x = layer_rows(n, p, 1), w = reference::normals(m * p, 2),
                          h = moments(x, n, p);
  for (const Index keep : {Index{1}, Index{8}, Index{9}, Index{10}, Index{33}, p}) {
    const PrunedLayer found =
        prune_layer(row_major(w.data(), m, p), row_major(x.data(), n, p), {.nonzeros = keep});
    for (Index t = 0; t < m; ++t) {
      const Indices left = slow_surgeon(h, p, w.data() + t * p, keep);
      const reference::Values expected = refitted(h, p, w.data() + t * p, left);
      for (Index j = 0; j < p; ++j) {
        CHECK(found.mask[t * p + j] == (std::count(left.begin(), left.end(), j) > 0 ? 1 : 0));
        CHECK(found.weight[t * p + j] == testing::Approx(expected[j]).epsilon(1e-9));
      }
    }
  }
}

TEST_CASE("prune_layer: the losses are those of the weights that it returns") {
  const Index n = 70, p = 24, m = 20;
  const reference::Values x = layer_rows(n, p, 3), w = reference::normals(m * p, 4),
                          h = moments(x, n, p);
  for (const LayerRule rule :
       {LayerRule::surgeon, LayerRule::hessian, LayerRule::magnitude, LayerRule::random})
    for (const double damping : {0.0, 0.1}) {
      const LayerOptions options{.rule = rule, .nonzeros = 9, .damping = damping};
      const PrunedLayer found =
          prune_layer(row_major(w.data(), m, p), row_major(x.data(), n, p), options);
      const PrunedLayer again =
          prune_layer(row_major(w.data(), m, p), row_major(h.data(), p, p), n, options, 2);
      CHECK(again.mask == found.mask);
      for (Index t = 0; t < m; ++t) {
        double loss = 0.0;
        for (Index a = 0; a < p; ++a)
          for (Index b = 0; b < p; ++b)
            loss += (found.weight[t * p + a] - w[t * p + a]) * h[a * p + b] *
                    (found.weight[t * p + b] - w[t * p + b]);
        CHECK(found.training_loss[t] == testing::Approx(loss).epsilon(1e-9));
        const double left = 1.0 - found.degrees_of_freedom[t] / static_cast<double>(n);
        CHECK(found.predicted_loss[t] == testing::Approx(loss / (left * left)).epsilon(1e-9));
      }
    }
}

TEST_CASE("an inverse and its trace from a triangle") {
  const Index k = 75;
  const reference::Values x = layer_rows(200, k, 5);
  reference::Values h = moments(x, 200, k);
  Indices all(k);
  std::iota(all.begin(), all.end(), Index{0});
  const reference::Values expected = inverse_on(h, k, all);
  Buffer space;
  REQUIRE(negate_inverse({h.data(), k, k, k}, space));
  for (Index j = 0; j < k; ++j)
    for (Index i = j; i < k; ++i)
      CHECK(-h[j * k + i] == testing::Approx(expected[j * k + i]).epsilon(1e-9));
  reference::Values triangle(k * k, 0.0);
  for (Index j = 0; j < k; ++j)
    for (Index i = j; i < k; ++i) triangle[j * k + i] = i == j ? 2.0 : 0.01;
  double trace = 0.0;
  for (Index c = 0; c < k; ++c) {  // forward substitution of every unit vector
    reference::Values u(k, 0.0);
    for (Index i = c; i < k; ++i) {
      double sum = i == c ? 1.0 : 0.0;
      for (Index j = c; j < i; ++j) sum -= triangle[j * k + i] * u[j];
      u[i] = sum / triangle[i * k + i];
      trace += u[i] * u[i];
    }
  }
  CHECK(inverse_norm2({triangle.data(), k, k, k}, space) == testing::Approx(trace));
}

TEST_CASE("prune_layer refuses what it cannot follow") {
  const Index n = 9, p = 4, m = 2;
  const reference::Values x = layer_rows(n, p, 6), w = reference::normals(m * p, 7);
  const ConstMatrix weight = row_major(w.data(), m, p), inputs = row_major(x.data(), n, p),
                    moment = row_major(x.data(), p, p), null{nullptr, m, p, p, 1};
  const LayerOptions good{.nonzeros = 2};
  const auto refuses = [&](const LayerOptions& options, const char* message) {
    CHECK_THROWS_WITH_AS(prune_layer(weight, inputs, options), message, std::invalid_argument);
  };
  refuses({}, "nonzeros must be at least 1, got 0");
  refuses({.nonzeros = 5}, "nonzeros must be at most 4, got 5");
  refuses({.nonzeros = 9, .whole_layer = true}, "nonzeros must be at most 8, got 9");
  refuses({.kept = 1, .group = 3},
          "pattern must divide the 4 inputs into whole groups, got groups of 3");
  refuses({.kept = 3, .group = 2}, "pattern must keep between 1 and 2 of 2 weights, got 3");
  refuses({.whole_layer = true, .kept = 1, .group = 2},
          "pattern must be used row by row, got the whole layer");
  refuses({.nonzeros = 2, .damping = -1.0}, "damping must be finite and at least 0, got -1");
  refuses({.nonzeros = 2, .folds = 10},
          "folds must be 0 or between 2 and the number of rows 9, got 10");
  refuses({.rule = static_cast<LayerRule>(7), .nonzeros = 2},
          "rule must be one of surgeon, hessian, magnitude, random; got number 7");
  CHECK_THROWS_AS(prune_layer(null, inputs, good), std::invalid_argument);
  CHECK_THROWS_AS(prune_layer(weight, null, good), std::invalid_argument);
  CHECK_THROWS_AS(prune_layer(weight, row_major(x.data(), n, p - 1), good), std::invalid_argument);
  CHECK_THROWS_AS(prune_layer(weight, row_major(x.data(), 0, p), good), std::invalid_argument);
  CHECK_THROWS_AS(prune_layer(weight, inputs, good, 0), std::invalid_argument);
  CHECK_THROWS_AS(prune_layer(weight, moment, 9, good), std::invalid_argument);  // unsymmetric
  const reference::Values identity = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
  const ConstMatrix unit = row_major(identity.data(), p, p);
  CHECK_THROWS_AS(prune_layer(weight, unit, 0, good), std::invalid_argument);
  CHECK_THROWS_WITH_AS(prune_layer(weight, unit, 9, {.nonzeros = 2, .folds = 2}),
                       "folds must be 0 without the calibration rows, got 2",
                       std::invalid_argument);
  CHECK(prune_layer(weight, unit, 9, good).training_loss[0] > 0.0);
}
