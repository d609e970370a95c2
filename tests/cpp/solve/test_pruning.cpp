#include "overprune/pruning.hpp"

#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>

#include "reference.hpp"
#include "testing.hpp"

using namespace overprune;

namespace {

Indices by_sorting(const std::vector<double>& scores, Index k) {
  Indices order(scores.size());
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](Index a, Index b) { return scores[a] > scores[b]; });
  order.resize(k);
  return order;
}

}  // namespace

TEST_CASE("top_k and top_k_order equal a stable sort, with many ties and infinities") {
  for (std::uint64_t trial = 0; trial < 2000; ++trial) {
    const Index p = 1 + static_cast<Index>(trial % 37);
    std::vector<double> scores = reference::normals(p, trial);
    for (double& s : scores) s = trial % 3 == 0 ? s : std::round(2.0 * s);
    if (trial % 5 == 0) scores[p / 2] = std::numeric_limits<double>::infinity();
    if (trial % 7 == 0) scores[p / 3] = -std::numeric_limits<double>::infinity();
    for (Index k = 0; k <= p; ++k) {
      Indices expected = by_sorting(scores, k);
      REQUIRE(top_k_order(vector_view(scores), k) == expected);
      std::sort(expected.begin(), expected.end());
      REQUIRE(top_k(vector_view(scores), k) == expected);
    }
  }
}

TEST_CASE("top_k of many scores, also where every sample misleads, and with one space for all") {
  const Index p = 5000;
  std::vector<double> smooth = reference::normals(p, 1), periodic(p), rising(p), spikes(p, 0.0),
                      few = smooth;
  for (Index i = 0; i < p; ++i) {
    periodic[i] = i % 17 == 0 ? 100.0 + smooth[i] : smooth[i];  // 17 is the stride of the sample
    rising[i] = static_cast<double>(i);
    if (i % 17 == 1) spikes[i] = smooth[i];
    few[i] = std::round(smooth[i]);
  }
  SelectionSpace space;
  Indices found;
  for (const auto& scores : {smooth, periodic, rising, spikes, few}) {
    for (const Index k :
         {Index{0}, Index{1}, Index{50}, Index{290}, Index{300}, Index{2500}, p - 1, p}) {
      INFO("k " << k);
      Indices expected = by_sorting(scores, k);
      top_k_order(vector_view(scores), k, space, found);
      CHECK(found == expected);
      std::sort(expected.begin(), expected.end());
      top_k(vector_view(scores), k, space, found);
      CHECK(found == expected);
      std::vector<double> sizes = scores, apart(2 * p);
      for (Index i = 0; i < p; ++i) {
        sizes[i] = std::abs(scores[i]);
        apart[2 * i] = scores[i];
      }
      CHECK(top_k({apart.data(), p, 2}, k) == expected);
      CHECK(top_k_magnitude({apart.data(), p, 2}, k) == top_k(vector_view(sizes), k));
    }
  }
  for (const Index where : {Index{0}, Index{16}, Index{17}, p - 1}) {
    std::vector<double> scores = smooth;
    scores[where] = std::numeric_limits<double>::quiet_NaN();
    const std::string message = "scores must not be NaN, got NaN at index " + std::to_string(where);
    CHECK_THROWS_WITH_AS(top_k(vector_view(scores), 50), message.c_str(), std::invalid_argument);
  }
}

TEST_CASE("importance: magnitude and hessian, one target and several") {
  const std::vector<double> theta = {1.0, -3.0, 0.0,
                                     4.0};  // (2, 2) row-major: rows (1, -3) and (0, 4)
  const std::vector<double> curvature = {10.0, 0.5};
  std::vector<double> scores(2);
  importance(Rule::magnitude, row_major(theta.data(), 2, 2), {}, vector_view(scores));
  CHECK(scores[0] == testing::Approx(std::sqrt(10.0)));
  CHECK(scores[1] == 4.0);
  importance(Rule::hessian, row_major(theta.data(), 2, 2), vector_view(curvature),
             vector_view(scores));
  CHECK(scores[0] == testing::Approx(100.0));
  CHECK(scores[1] == 8.0);
  const std::vector<double> tiny = {-1e-200, 1e-300};
  importance(Rule::magnitude, column_major(tiny.data(), 2, 1), {}, vector_view(scores));
  CHECK(scores == std::vector<double>{1e-200, 1e-300});
}

TEST_CASE("ranks follow the scores where their squares overflow or underflow") {
  const std::vector<double> theta = {1e-200, -1e-180, 1e200, 1e-190},
                            root_curvature = {1.0, 1.0, 0.0, 1.0};
  std::vector<double> ranks(4);
  rank_scores(column_major(theta.data(), 4, 1), vector_view(root_curvature), vector_view(ranks));
  CHECK(top_k_order(vector_view(ranks), 4) == Indices{1, 3, 0, 2});
  rank_scores(column_major(theta.data(), 4, 1), {}, vector_view(ranks));
  CHECK(top_k_order(vector_view(ranks), 4) == Indices{2, 1, 3, 0});
}

TEST_CASE("prune keeps rows") {
  const std::vector<double> theta = {1.0, 2.0, 3.0, 4.0, 5.0, 6.0};
  std::vector<double> pruned(6, -1.0);
  prune(row_major(theta.data(), 3, 2), {0, 2}, row_major(pruned.data(), 3, 2));
  CHECK(pruned == std::vector<double>{1.0, 2.0, 0.0, 0.0, 5.0, 6.0});
}

TEST_CASE("names and bad input") {
  for (const Rule rule : {Rule::magnitude, Rule::hessian, Rule::oracle, Rule::random})
    CHECK(rule_from_name(name_of(rule)) == rule);
  CHECK_THROWS_WITH_AS(rule_from_name("size"),
                       "rule must be one of magnitude, hessian, oracle, random, lasso; got 'size'",
                       std::invalid_argument);
  const std::vector<double> nan = {1.0, std::numeric_limits<double>::quiet_NaN()};
  CHECK_THROWS_AS(top_k(vector_view(nan), 1), std::invalid_argument);
  CHECK_THROWS_AS(top_k({}, 1), std::invalid_argument);
  std::vector<double> scores(2);
  CHECK_THROWS_AS(
      importance(Rule::hessian, column_major(nan.data(), 2, 1), {}, vector_view(scores)),
      std::invalid_argument);
  CHECK_THROWS_AS(importance(Rule::random, column_major(nan.data(), 2, 1), {}, vector_view(scores)),
                  std::invalid_argument);
}

TEST_CASE("compensate: with the rows' own Hessian deleting is retraining") {
  const Index n = 30, p = 12, m = 2;
  const reference::Values x = reference::normals(n * p, 1), y = reference::normals(n * m, 2),
                          theta = reference::minimum_norm(x, y, n, p, m);
  reference::Values hessian = reference::product(reference::transpose(x, n, p), x, p, n, p),
                    found(p * m, 9.0);
  const Indices support = {7, 2, 11, 0};
  compensate(column_major(theta.data(), p, m), support, column_major(hessian.data(), p, p),
             column_major(found.data(), p, m));
  reference::Values kept;
  for (const Index j : support) kept.insert(kept.end(), x.begin() + j * n, x.begin() + (j + 1) * n);
  const reference::Values again = reference::minimum_norm(kept, y, n, 4, m);
  for (Index t = 0; t < m; ++t) {
    for (Index i = 0; i < 4; ++i) {
      CHECK(found[t * p + support[i]] == testing::Approx(again[t * 4 + i]));
      found[t * p + support[i]] = 0.0;
    }
  }
  CHECK(found == reference::Values(p * m, 0.0));
  const ConstMatrix model = column_major(theta.data(), p, m),
                    metric = column_major(hessian.data(), p, p);
  const Matrix out = column_major(found.data(), p, m);
  CHECK_THROWS_WITH_AS(compensate(model, {}, metric, out), "support must not be empty",
                       std::invalid_argument);
  CHECK_THROWS_AS(compensate(model, {1, 1}, metric, out), std::invalid_argument);
  CHECK_THROWS_AS(compensate(model, {p}, metric, out), std::invalid_argument);
  CHECK_THROWS_AS(compensate(model, {0}, column_major(hessian.data(), p, p - 1), out),
                  std::invalid_argument);
  hessian[1] += 100.0;
  CHECK_THROWS_AS(compensate(model, {0}, metric, out), std::invalid_argument);
}
