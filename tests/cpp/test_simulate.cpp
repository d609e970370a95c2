#include "overprune/simulate.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

#include "reference.hpp"

using namespace overprune;
using namespace reference;

namespace {

Grid small_grid() {
  Grid grid;
  grid.sizes = {5, 20, 60};
  grid.nonzeros = {3, 10};
  grid.rules = {Rule::magnitude, Rule::hessian, Rule::oracle, Rule::random};
  return grid;
}

LinearGaussianProblem small_problem() {
  static const Values beta = normals(60, 1), variances(60, 1.5);
  return {column_major(beta.data(), 60, 1), vector_view(variances), 0.3};
}

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](double u, double v) {
           return u == v || (std::isnan(u) && std::isnan(v));
         });
}

}  // namespace

TEST_CASE("the same bits for any number of workers and any split") {
  const Grid grid = small_grid();
  const LinearGaussianProblem problem = small_problem();
  Trials trials{30, 0, 12, 5, 1, false};
  const SimulateResult one = simulate(problem, grid, trials);
  for (const Index workers : {2, 7}) {
    trials.workers = workers;
    const SimulateResult many = simulate(problem, grid, trials);
    CHECK(same_bits(one.dense_risk, many.dense_risk));
    CHECK(same_bits(one.pruned_risk, many.pruned_risk));
    CHECK(same_bits(one.retrained_risk, many.retrained_risk));
  }
  std::vector<double> pieces;
  for (const auto& [first, count] : {std::pair<Index, Index>{0, 5}, {5, 1}, {6, 6}}) {
    const SimulateResult part = simulate(problem, grid, {30, first, count, 5, 2, false});
    pieces.insert(pieces.end(), part.retrained_risk.begin(), part.retrained_risk.end());
  }
  CHECK(same_bits(one.retrained_risk, pieces));
}

TEST_CASE("skipped points are NaN, all others are finite") {
  const Grid grid = small_grid();
  const SimulateResult found = simulate(small_problem(), grid, {30, 0, 2, 1, 1, false});
  for (std::size_t i = 0; i < found.pruned_risk.size(); ++i) {
    const std::size_t s = i % 2, k = i / 2 % 3;
    CHECK(std::isnan(found.pruned_risk[i]) == (grid.nonzeros[s] > grid.sizes[k]));
  }
  CHECK(found.dense_accuracy.empty());
}

TEST_CASE("a monitor that throws stops the run and leaves no thread") {
  const Grid grid = small_grid();
  const auto monitor = [](Index) { throw std::runtime_error("enough"); };
  CHECK_THROWS_WITH_AS(simulate(small_problem(), grid, {30, 0, 1000000, 1, 2, false}, monitor), "enough",
                       std::runtime_error);
}

TEST_CASE("an error in a worker reaches the caller") {
  const Values inputs = normals(20, 1), targets = normals(10, 2);
  const ConstMatrix a = column_major(inputs.data(), 10, 2), b = column_major(targets.data(), 10, 1);
  const DataProblem problem({a, b, a, b}, false, 0, Activation::relu, 0);
  Grid grid;
  grid.sizes = {1, 2};
  grid.nonzeros = {1};
  grid.rules = {Rule::magnitude};
  CHECK_THROWS_AS(simulate(problem, grid, {11, 0, 4, 1, 2, false}), std::invalid_argument);
  grid.rules = {Rule::oracle};
  CHECK_THROWS_AS(simulate(problem, grid, {5, 0, 4, 1, 2, false}), std::invalid_argument);
}

TEST_CASE("bad trials are named") {
  const Grid grid = small_grid();
  CHECK_THROWS_WITH_AS(simulate(small_problem(), grid, {0, 0, 1, 1, 1, false}), "n must be at least 1, got 0",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(simulate(small_problem(), grid, {5, 0, 0, 1, 1, false}),
                       "trials must be at least 1, got 0", std::invalid_argument);
  CHECK_THROWS_WITH_AS(simulate(small_problem(), grid, {5, 0, 1, 1, 0, false}),
                       "workers must be at least 1, got 0", std::invalid_argument);
}
