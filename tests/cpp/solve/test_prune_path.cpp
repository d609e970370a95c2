#include "overprune/prune_path.hpp"

#include <stdexcept>

#include "reference.hpp"
#include "testing.hpp"

using namespace overprune;
using namespace reference;

TEST_CASE("prune_path is: fit, sort by score, fit again") {
  const Index n = 15, p = 40;
  const Values x = normals(n * p, 1), y = normals(n, 2);
  Values truth = normals(2 * p, 3), curvature(p);
  for (double& t : truth) t = t * t;
  for (Index j = 0; j < p; ++j) curvature[j] = 1.0 + static_cast<double>(j % 5);
  Grid grid;
  grid.sizes = {10, 40};
  grid.nonzeros = {4, 12};
  grid.rules = {Rule::magnitude, Rule::hessian, Rule::oracle};
  RuleInputs inputs;
  inputs.curvature = vector_view(curvature);
  inputs.truth = row_major(truth.data(), 2, p);
  const PrunePathResult found =
      prune_path(column_major(x.data(), n, p), {y.data(), n, 1, 1, n}, grid, inputs);
  CHECK(found.most == 12);
  CHECK(found.info.rank == Indices{10, 15});
  for (Index k = 0; k < 2; ++k) {
    const Index size = grid.sizes[k];
    const Values first(x.begin(), x.begin() + n * size), theta = minimum_norm(first, y, n, size, 1);
    for (Index j = 0; j < p; ++j)
      CHECK(found.dense[k * p + j] == testing::Approx(j < size ? theta[j] : 0.0));
    for (Index r = 0; r < 3; ++r) {
      Indices order(size);
      for (Index j = 0; j < size; ++j) order[j] = j;
      const auto score = [&](Index j) {
        if (r == 2) return truth[k * p + j];
        return theta[j] * theta[j] * (r == 1 ? curvature[j] : 1.0);
      };
      std::stable_sort(order.begin(), order.end(),
                       [&](Index a, Index b) { return score(a) > score(b); });
      for (Index s = 0; s < 2; ++s) {
        const Index nonzeros = grid.nonzeros[s];
        if (nonzeros > size) continue;
        Values columns;
        for (Index j = 0; j < nonzeros; ++j) {
          CHECK(found.order[(r * 2 + k) * 12 + j] == order[j]);
          columns.insert(columns.end(), x.begin() + order[j] * n, x.begin() + (order[j] + 1) * n);
        }
        const Values again = minimum_norm(columns, y, n, nonzeros, 1);
        for (Index j = 0; j < nonzeros; ++j)
          CHECK(found.retrained[((r * 2 + k) * 2 + s) * 12 + j] ==
                testing::Approx(again[j]).epsilon(1e-9));
      }
    }
  }
  CHECK(found.order[10] == -1);  // size 10 has only 4 of 12
}

TEST_CASE("huge and tiny data give the scaled models and the same supports") {
  const Index n = 8, p = 12;
  const Values x = normals(n * p, 1), y = normals(n, 2);
  const Grid grid{{5, 12}, {3}, {Rule::magnitude, Rule::hessian}};
  const PrunePathResult base =
      prune_path(column_major(x.data(), n, p), column_major(y.data(), n, 1), grid, {});
  for (const double factor : {1e-170, 1e160}) {
    Values scaled = x;
    for (double& v : scaled) v *= factor;
    const PrunePathResult found =
        prune_path(column_major(scaled.data(), n, p), column_major(y.data(), n, 1), grid, {});
    CHECK(found.order == base.order);
    CHECK(found.info.rank == base.info.rank);
    for (std::size_t i = 0; i < base.dense.size(); ++i)
      CHECK(found.dense[i] * factor == testing::Approx(base.dense[i]));
    for (std::size_t i = 0; i < base.retrained.size(); ++i)
      CHECK(found.retrained[i] * factor == testing::Approx(base.retrained[i]));
  }
}

TEST_CASE("bad grids are named") {
  const Values x = normals(6, 1), y = normals(3, 2);
  const auto run = [&](const Grid& grid) {
    prune_path(column_major(x.data(), 3, 2), column_major(y.data(), 3, 1), grid, {});
  };
  CHECK_THROWS_WITH_AS(run({{3}, {1}, {Rule::magnitude}}), "sizes must lie in [1, 2], got 3",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(run({{2}, {0}, {Rule::magnitude}}), "nonzeros must lie in [1, 2], got 0",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(run({{2}, {1}, {}}), "rules must not be empty", std::invalid_argument);
  CHECK_THROWS_AS(run({{2}, {1}, {Rule::oracle}}), std::invalid_argument);
  const Values negative = {1.0, -1.0};
  RuleInputs inputs;
  inputs.curvature = vector_view(negative);
  CHECK_THROWS_WITH_AS(prune_path(column_major(x.data(), 3, 2), column_major(y.data(), 3, 1),
                                  {{2}, {1}, {Rule::hessian}}, inputs),
                       "curvature must not be negative, got -1 at index 1", std::invalid_argument);
  CHECK_THROWS_WITH_AS(prune_path(column_major(x.data(), 0, 2), column_major(y.data(), 0, 1),
                                  {{2}, {1}, {Rule::hessian}}, {}),
                       "X (rows) must be at least 1, got 0", std::invalid_argument);
  CHECK_THROWS_AS(run({{2}, {1}, {Rule::magnitude, Rule::magnitude}}), std::invalid_argument);
}
