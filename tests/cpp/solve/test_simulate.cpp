#include "overprune/simulate.hpp"

#include <cmath>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
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

namespace {

/// Problems of every kind with a name, p = 60 but where it says so; data have 50 rows.
std::vector<std::pair<std::string, std::shared_ptr<const Problem>>> problems_of_every_kind() {
  const Index p = 60, d = 12, rows = 50;
  const Values beta = normals(p * 2, 1), weights = normals(p * d, 2), teacher = normals(d, 3),
               bias = normals(p, 4), inputs = normals(rows * p, 5), targets = normals(rows * 2, 6);
  Values definite(p * p), singular(p * p), variances(p, 2.0), classes(rows * 2, 0.0);
  for (Index j = 0; j < p; ++j)
    for (Index i = 0; i < p; ++i) {
      definite[j * p + i] = std::pow(0.7, std::abs(static_cast<double>(i - j))) * (1 + i) * (1 + j);
      singular[j * p + i] = inputs[i] * inputs[j] + inputs[p + i] * inputs[p + j];
    }
  for (Index i = 0; i < rows; ++i) classes[i % 2 * rows + i] = 1.0;
  const Values noise{1.0, 0.3, 0.3, 0.5};
  const auto covariance = [&](const Values& values) { return column_major(values.data(), p, p); };
  const ConstMatrix one = column_major(beta.data(), p, 1), two = column_major(beta.data(), p, 2),
                    r = column_major(weights.data(), p, d),
                    few_r = column_major(weights.data(), 7, d),
                    all = column_major(inputs.data(), rows, p),
                    few = column_major(inputs.data(), rows, d),
                    y = column_major(targets.data(), rows, 2),
                    labels = column_major(classes.data(), rows, 2);
  const ScalarFunction cube("cube", [](double* values, Index count) {
    for (Index i = 0; i < count; ++i) values[i] = values[i] * values[i] * values[i];
  });
  using Gaussian = LinearGaussianProblem;
  using Features = RandomFeatureProblem;
  return {
      {"independent", std::make_shared<Gaussian>(one, vector_view(variances), 0.3)},
      {"correlated", std::make_shared<Gaussian>(one, covariance(definite), 0.3)},
      {"correlated, targets", std::make_shared<Gaussian>(two, covariance(definite),
                                                         Noise(column_major(noise.data(), 2, 2)))},
      {"singular", std::make_shared<Gaussian>(one, covariance(singular), 0.3)},
      {"classifier", std::make_shared<LinearClassificationProblem>(ConstVector{beta.data(), p, 1},
                                                                   covariance(definite), 0.3)},
      {"relu",
       std::make_shared<Features>(r, vector_view(teacher), 0.1, Activation::relu, ConstVector{})},
      {"tanh, bias", std::make_shared<Features>(r, vector_view(teacher), 0.1, Activation::tanh,
                                                vector_view(bias))},
      {"seven features", std::make_shared<Features>(few_r, vector_view(teacher), 0.1,
                                                    Activation::relu, ConstVector{})},
      {"data", std::make_shared<DataProblem>(DataProblem::Data{all, y, all, y}, false, 0,
                                             Activation::relu, 0)},
      {"relu of data", std::make_shared<DataProblem>(DataProblem::Data{few, y, few, y}, false, p,
                                                     Activation::relu, 3)},
      {"cos of data", std::make_shared<DataProblem>(DataProblem::Data{few, labels, few, labels},
                                                    true, p, Activation::cos, 3)},
      {"a caller's function of data",
       std::make_shared<DataProblem>(DataProblem::Data{few, y, few, y}, false, p, cube, 3)},
      {"seven features of data", std::make_shared<DataProblem>(DataProblem::Data{few, y, few, y},
                                                               false, 7, Activation::relu, 3)},
      {"1200 features of data", std::make_shared<DataProblem>(DataProblem::Data{few, y, few, y},
                                                              false, 1200, Activation::relu, 3)},
  };
}

}  // namespace

TEST_CASE("a streaming sampler draws the columns that the other holds") {
  const Index n = 37;
  for (const auto& [name, problem] : problems_of_every_kind()) {
    INFO(name);
    const Index p = problem->features();
    REQUIRE(problem->streams());
    const auto held = problem->sampler(n), drawn = problem->streaming_sampler(n);
    held->draw(4, 9);
    drawn->draw(4, 9);
    CHECK(drawn->design().data == nullptr);
    const Index numbers = n * problem->targets();
    CHECK(
        std::equal(held->response().data, held->response().data + numbers, drawn->response().data));
    const auto same = [&](const Values& a, const Values& b, Index count, Index stride) {
      for (Index j = 0; j < count; ++j)
        if (!std::equal(&a[j * stride], &a[j * stride] + n, &b[j * stride])) return false;
      return true;
    };
    for (const auto& [first, count, stride] : {std::tuple<Index, Index, Index>{0, p, n},
                                               {p - 1, 1, n},
                                               {p / 5, p / 3, n},
                                               {3, p / 2, n + 5},
                                               {p / 2, 1, n + 1}}) {
      Values a(count * stride, -1.0), b(count * stride, -1.0);
      held->columns(first, {a.data(), n, count, 1, stride});
      drawn->columns(first, {b.data(), n, count, 1, stride});
      CHECK(same(a, b, count, stride));
      CHECK(std::equal(a.begin(), a.begin() + n, &held->design()(0, first)));
    }
    for (const Indices& which :
         {Indices{2}, {5, 0, 6, 5, 1}, {6, 5, 4, 3, 2, 1, 0, p - 1, p / 2, p / 3, 1}}) {
      const Index count = static_cast<Index>(which.size());
      Values a(count * n), b(count * n);
      held->chosen_columns(which.data(), {a.data(), n, count, 1, n});
      drawn->chosen_columns(which.data(), {b.data(), n, count, 1, n});
      CHECK(same(a, b, count, n));
      CHECK(std::equal(a.begin(), a.begin() + n, &held->design()(0, which[0])));
    }
    const Index beyond = p;
    Values out(n);
    CHECK_THROWS_AS(drawn->chosen_columns(&beyond, {out.data(), n, 1, 1, n}),
                    std::invalid_argument);
    CHECK_THROWS_AS(problem->streaming_sampler(0), std::invalid_argument);
  }
}

TEST_CASE("the same bits whether X is held or drawn anew: problems of every kind") {
  for (const auto& [name, problem] : problems_of_every_kind()) {
    const Index p = problem->features();
    for (const double ridge : {0.0, 0.1}) {
      INFO(name << ", ridge " << ridge);
      Grid grid{
          {5, p / 3, p / 2, p}, {2, p / 4}, {Rule::magnitude, Rule::random}, true, ridge, ridge};
      if (p < 10) grid.sizes = {2, 5, 7}, grid.nonzeros = {2, 3};
      Trials trials{25, 0, 2, 5, 1, true};
      const RiskTable held = simulate(*problem, grid, trials);
      trials.design_limit = 0;
      const RiskTable drawn = simulate(*problem, grid, trials);
      REQUIRE(held.values.size() == drawn.values.size());
      for (std::size_t i = 0; i < held.values.size(); ++i)
        CHECK(same_bits(held.values[i], drawn.values[i]));
    }
  }
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
