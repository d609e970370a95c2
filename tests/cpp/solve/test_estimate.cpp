#include "overprune/estimate.hpp"

#include <cmath>
#include <stdexcept>

#include "reference.hpp"
#include "testing.hpp"

using namespace overprune;
using namespace reference;

namespace {

/// Mean squared errors of the rows left out, each by a path of its own.
struct PlainLoop {
  Values dense, pruned, retrained;  // (K), (R, K, S), (R, K, S)

  PlainLoop(const Values& x, const Values& y, Index n, Index p, Index m, const Grid& grid) {
    const Index rules = static_cast<Index>(grid.rules.size()),
                sizes = static_cast<Index>(grid.sizes.size()),
                counts = static_cast<Index>(grid.nonzeros.size());
    dense.assign(sizes, 0.0);
    pruned.assign(rules * sizes * counts, 0.0);
    retrained = pruned;
    for (Index i = 0; i < n; ++i) {
      Values rows, targets;
      for (Index j = 0; j < p * n; ++j)
        if (j % n != i) rows.push_back(x[j]);
      for (Index j = 0; j < m * n; ++j)
        if (j % n != i) targets.push_back(y[j]);
      const PrunePathResult fold = prune_path(column_major(rows.data(), n - 1, p),
                                              column_major(targets.data(), n - 1, m), grid, {});
      const double each = 1.0 / static_cast<double>(n);
      for (Index t = 0; t < m; ++t)
        for (Index k = 0; k < sizes; ++k) {
          double left = y[i + t * n];
          for (Index j = 0; j < p; ++j) left -= x[i + j * n] * fold.dense[(k * p + j) * m + t];
          dense[k] += left * left * each;
          for (Index r = 0; r < rules; ++r)
            for (Index s = 0; s < counts && grid.nonzeros[s] <= grid.sizes[k]; ++s) {
              const Index at = (r * sizes + k) * counts + s;
              double cut = y[i + t * n], again = cut;
              for (Index j = 0; j < grid.nonzeros[s]; ++j) {
                const Index feature = fold.order[(r * sizes + k) * fold.most + j];
                cut -= x[i + feature * n] * fold.dense[(k * p + feature) * m + t];
                again -= x[i + feature * n] * fold.retrained[(at * fold.most + j) * m + t];
              }
              pruned[at] += cut * cut * each;
              retrained[at] += again * again * each;
            }
        }
    }
  }
};

void check_all(const Values& found, const Values& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    if (expected[i] == 0.0)  // a point with more nonzeros than features
      CHECK(std::isnan(found[i]));
    else
      CHECK(found[i] == testing::Approx(expected[i]).epsilon(1e-9));
}

void check_loop(const Values& x, const Values& y, Index n, Index p, Index m, const Grid& grid) {
  const PlainLoop loop(x, y, n, p, m, grid);
  const ConstMatrix rows = column_major(x.data(), n, p), targets = column_major(y.data(), n, m);
  const RiskTable found = estimate_risk(rows, targets, grid, {});
  check_all(found["dense_risk"], loop.dense);
  check_all(found["pruned_risk"], loop.pruned);
  check_all(found["retrained_risk"], loop.retrained);
  const RiskTable several = estimate_risk(rows, targets, grid, {}, 3);
  for (std::size_t i = 0; i < found.names.size(); ++i)
    for (std::size_t j = 0; j < found.values[i].size(); ++j)
      CHECK((several.values[i][j] == found.values[i][j] || std::isnan(found.values[i][j])));
}

}  // namespace

TEST_CASE("leave-one-out is the plain loop over the rows") {
  const Index n = 18, p = 40;
  Grid grid;
  grid.sizes = {3, 12, 17, 18, 19, 40};
  grid.nonzeros = {2, 9, 17, 18, 30};
  grid.rules = {Rule::magnitude, Rule::hessian, Rule::random};
  const Values x = normals(n * p, 1);
  check_loop(x, normals(n, 2), n, p, 1, grid);
  check_loop(x, normals(2 * n, 3), n, p, 2, grid);
  grid.ridge = 0.1;
  grid.retrain_ridge = 0.3;
  check_loop(x, normals(n, 2), n, p, 1, grid);
}

TEST_CASE("folds that cannot be downdated are solved by themselves") {
  const Index n = 16, p = 24;
  Values x = normals(n * p, 4);
  for (Index i = 0; i < n; ++i) {
    x[i + 3 * n] = x[i + 2 * n];        // the same column twice
    x[i + 5 * n] = i == 7 ? 1e3 : 0.0;  // leverage one
    x[i + 9 * n] = 0.0;
  }
  Grid grid;
  grid.sizes = {8, 12, 24};
  grid.nonzeros = {4, 8};
  grid.rules = {Rule::magnitude};
  check_loop(x, normals(n, 5), n, p, 1, grid);
}

TEST_CASE("what cannot leave rows out is refused") {
  const Values x = normals(12, 1), y = normals(4, 2);
  const auto estimate = [&](const Grid& grid, Index rows = 4) {
    return estimate_risk(column_major(x.data(), rows, 3), column_major(y.data(), rows, 1), grid,
                         {});
  };
  Grid grid;
  grid.sizes = {2};
  grid.nonzeros = {1};
  grid.rules = {Rule::magnitude};
  CHECK(estimate(grid).names.size() == 6);
  CHECK_THROWS_AS(estimate(grid, 1), std::invalid_argument);
  for (const Rule rule : {Rule::oracle, Rule::lasso}) {
    grid.rules = {rule};
    CHECK_THROWS_AS(estimate(grid), std::invalid_argument);
  }
  grid.rules = {Rule::magnitude};
  grid.loss = NamedLoss::hinge;
  CHECK_THROWS_AS(estimate(grid), std::invalid_argument);
}
