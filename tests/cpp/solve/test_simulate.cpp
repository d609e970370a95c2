#include "overprune/simulate.hpp"

#include <iterator>
#include <stdexcept>
#include <tuple>

#include "overprune/schedule.hpp"
#include "reference.hpp"
#include "testing.hpp"

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
  const RiskTable one = simulate(problem, grid, trials);
  for (const Index workers : {2, 7}) {
    trials.workers = workers;
    const RiskTable many = simulate(problem, grid, trials);
    CHECK(same_bits(one["dense_risk"], many["dense_risk"]));
    CHECK(same_bits(one["pruned_risk"], many["pruned_risk"]));
    CHECK(same_bits(one["retrained_risk"], many["retrained_risk"]));
  }
  std::vector<RiskTable> pieces;
  for (const auto& [first, count] : {std::pair<Index, Index>{0, 5}, {5, 1}, {6, 6}})
    pieces.push_back(simulate(problem, grid, {30, first, count, 5, 2, false}));
  const RiskTable joined = join(pieces);
  CHECK(same_bits(one["dense_risk"], joined["dense_risk"]));
  CHECK(same_bits(one["pruned_risk"], joined["pruned_risk"]));
  CHECK(same_bits(one["retrained_risk"], joined["retrained_risk"]));
  CHECK(!joined.contains("dense_accuracy"));
  CHECK(join({}).names.empty());
  CHECK(joined.dimensions == one.dimensions);
  CHECK_THROWS_WITH_AS(joined["bias"],
                       "the table has no bias, but dense_risk pruned_risk retrained_risk",
                       std::out_of_range);
  pieces[1].names.pop_back();
  CHECK_THROWS_AS(join(pieces), std::invalid_argument);
}

// Blocks of columns are 1024 wide at n = 64, and wider below.
TEST_CASE("the same bits whether X is held or drawn anew") {
  const Rule all[] = {Rule::magnitude, Rule::hessian, Rule::oracle, Rule::random};
  struct Case {
    const char* name;
    Index n, p, m;
    Indices sizes, nonzeros;
    double ridge = 0.0, zeros_from = 2.0;  // variances are zero from this share of the features on
  };
  const Case cases[] = {
      {"k <= n", 120, 100, 1, {7, 50, 100}, {1, 20, 100}},
      {"k <= n, ridge", 120, 100, 2, {7, 50, 100}, {1, 20, 100}, 0.2},
      {"both sides of n, s > n", 61, 700, 1, {20, 61, 62, 80, 200, 700}, {10, 60, 61, 90, 300}},
      {"both sides of n, ridge",
       61,
       700,
       1,
       {20, 61, 62, 80, 200, 700},
       {10, 60, 61, 90, 300},
       0.1},
      {"several targets", 40, 300, 10, {30, 90, 110, 300}, {5, 39, 120}},
      {"many blocks", 64, 3000, 1, {50, 100, 2999, 3000}, {30, 1500}},
      {"many blocks, ridge, targets", 64, 3000, 3, {50, 1500, 3000}, {30, 1500}, 0.01},
      {"one row", 1, 50, 1, {1, 2, 50}, {1, 2}},
      {"fewer features than rows", 50, 400, 1, {60, 300, 400}, {10, 70}, 0.0, 0.1},
      {"no feature at all", 20, 90, 2, {10, 90}, {5, 40}, 0.0, 0.0},
      {"half are constants, ridge", 50, 400, 1, {60, 300, 400}, {10, 70}, 0.1, 0.5},
  };
  for (const Case& c : cases)
    for (const bool sample_curvature : {false, true}) {
      INFO(c.name << ", sample curvature " << sample_curvature);
      Values variances(c.p);
      for (Index j = 0; j < c.p; ++j)
        variances[j] = static_cast<double>(j) < c.zeros_from * static_cast<double>(c.p)
                           ? 1.0 / (1.0 + 0.01 * static_cast<double>(j))
                           : 0.0;
      const Values beta = normals(c.p * c.m, 1);
      const LinearGaussianProblem problem(column_major(beta.data(), c.p, c.m),
                                          vector_view(variances), 0.3);
      const Grid grid{c.sizes, c.nonzeros, {std::begin(all), std::end(all)}, true, c.ridge,
                      c.ridge, true};
      Trials trials{c.n, 2, 2, 5, 1, sample_curvature};
      const Index bytes = 8 * c.n * c.p;
      trials.design_limit = bytes;
      const RiskTable held = simulate(problem, grid, trials);
      for (const Index limit : {Index{0}, bytes - 1}) {
        trials.design_limit = limit;
        const RiskTable drawn = simulate(problem, grid, trials);
        CHECK(same_bits(held["dense_risk"], drawn["dense_risk"]));
        CHECK(same_bits(held["pruned_risk"], drawn["pruned_risk"]));
        CHECK(same_bits(held["retrained_risk"], drawn["retrained_risk"]));
        CHECK(same_bits(held["compensated_risk"], drawn["compensated_risk"]));
      }
    }
}

TEST_CASE("the same bits whether X is held or drawn anew: schedules") {
  const LinearGaussianProblem problem = small_problem();
  const Schedule schedule{
      60, {45, 30, 10}, {Rule::magnitude, Rule::hessian, Rule::random}, 0.0, 0.1};
  for (const bool sample_curvature : {false, true}) {
    Trials trials{30, 0, 3, 5, 1, sample_curvature};
    const RiskTable held = simulate_schedule(problem, schedule, trials);
    trials.design_limit = 0;
    const RiskTable drawn = simulate_schedule(problem, schedule, trials);
    CHECK(same_bits(held["dense_risk"], drawn["dense_risk"]));
    CHECK(same_bits(held["pruned_risk"], drawn["pruned_risk"]));
    CHECK(same_bits(held["retrained_risk"], drawn["retrained_risk"]));
  }
}

TEST_CASE("a streaming sampler draws the columns that the other holds") {
  const Index n = 37, p = 60;
  const LinearGaussianProblem problem = small_problem();
  REQUIRE(problem.streams());
  const auto held = problem.sampler(n), drawn = problem.streaming_sampler(n);
  held->draw(4, 9);
  drawn->draw(4, 9);
  CHECK(drawn->design().data == nullptr);
  for (Index i = 0; i < n; ++i) CHECK(held->response()(i, 0) == drawn->response()(i, 0));
  for (const auto& [first, count, stride] : {std::tuple<Index, Index, Index>{0, p, n},
                                             {59, 1, n},
                                             {11, 20, n},
                                             {3, 30, n + 5},
                                             {40, 1, n + 1}}) {
    Values a(count * stride, -1.0), b(count * stride, -1.0);
    held->columns(first, {a.data(), n, count, 1, stride});
    drawn->columns(first, {b.data(), n, count, 1, stride});
    for (Index j = 0; j < count; ++j)
      for (Index i = 0; i < n; ++i) {
        CHECK(a[j * stride + i] == b[j * stride + i]);
        CHECK(a[j * stride + i] == held->design()(i, first + j));
      }
  }
  Values covariance(4, 0.2), beta(2, 1.0);
  covariance[0] = covariance[3] = 1.0;
  const LinearGaussianProblem dense(column_major(beta.data(), 2, 1),
                                    column_major(covariance.data(), 2, 2), 0.3);
  CHECK(!dense.streams());
  CHECK_THROWS_AS(dense.streaming_sampler(5), std::invalid_argument);
  CHECK_THROWS_AS(problem.streaming_sampler(0), std::invalid_argument);
  Trials trials{5, 0, 1, 1, 1, false};
  trials.design_limit = 0;  // held all the same
  CHECK(simulate(dense, {{1, 2}, {1}, {Rule::magnitude}}, trials)["dense_risk"].size() == 2);
}

TEST_CASE("skipped points are NaN, all others are finite") {
  const Grid grid = small_grid();
  const RiskTable found = simulate(small_problem(), grid, {30, 0, 2, 1, 1, false});
  for (std::size_t i = 0; i < found["pruned_risk"].size(); ++i) {
    const std::size_t s = i % 2, k = i / 2 % 3;
    CHECK(std::isnan(found["pruned_risk"][i]) == (grid.nonzeros[s] > grid.sizes[k]));
  }
  CHECK(!found.contains("dense_accuracy"));
}

TEST_CASE("a monitor that throws stops the run and leaves no thread") {
  const Grid grid = small_grid();
  const auto monitor = [](Index, const RiskTable&) { throw std::runtime_error("enough"); };
  CHECK_THROWS_WITH_AS(simulate(small_problem(), grid, {30, 0, 1000000, 1, 2, false}, monitor),
                       "enough", std::runtime_error);
}

TEST_CASE("a monitor sees final results of the first trials") {
  const Grid grid = small_grid();
  const Trials trials{30, 0, 400, 1, 3, false};
  const RiskTable expected = simulate(small_problem(), grid, trials);
  const std::size_t points = expected["pruned_risk"].size() / 400, sizes = grid.sizes.size();
  Index last = 0;
  bool same = true, grows = true;
  simulate(small_problem(), grid, trials, [&](Index done, const RiskTable& found) {
    grows = grows && done >= last;
    last = done;
    for (std::size_t i = 0; i < done * sizes; ++i)
      same = same && found["dense_risk"][i] == expected["dense_risk"][i];
    for (std::size_t i = 0; i < done * points; ++i) {
      const double one = found["pruned_risk"][i], other = expected["pruned_risk"][i];
      same = same && (one == other || (std::isnan(one) && std::isnan(other)));
    }
  });
  CHECK(same);
  CHECK(grows);
  CHECK(last == 400);
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
  CHECK_THROWS_WITH_AS(simulate(small_problem(), grid, {0, 0, 1, 1, 1, false}),
                       "n must be at least 1, got 0", std::invalid_argument);
  CHECK_THROWS_WITH_AS(simulate(small_problem(), grid, {5, 0, 0, 1, 1, false}),
                       "trials must be at least 1, got 0", std::invalid_argument);
  CHECK_THROWS_WITH_AS(simulate(small_problem(), grid, {5, 0, 1, 1, 0, false}),
                       "workers must be at least 1, got 0", std::invalid_argument);
  Trials trials{5, 0, 1, 1, 1, false};
  trials.design_limit = -1;
  CHECK_THROWS_WITH_AS(simulate(small_problem(), grid, trials),
                       "design_limit must be at least 0, got -1", std::invalid_argument);
}
