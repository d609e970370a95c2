#include "overprune/schedule.hpp"

#include <atomic>
#include <chrono>
#include <cmath>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/workers.hpp"
#include "overprune/theory.hpp"
#include "reference.hpp"
#include "testing.hpp"

using namespace overprune;
using namespace reference;

namespace {

constexpr Index kFeatures = 60;

LinearGaussianProblem independent() {
  static const Values beta = normals(kFeatures, 1), variances(kFeatures, 1.5);
  return {column_major(beta.data(), kFeatures, 1), vector_view(variances), 0.3};
}

Schedule small_schedule() {
  return {50, {30, 12, 4}, {Rule::magnitude, Rule::hessian, Rule::oracle, Rule::random}, 0.0, 0.0};
}

}  // namespace

TEST_CASE("a schedule of one round is a grid of one point, to the last bit") {
  const LinearGaussianProblem problem = independent();
  Schedule schedule = small_schedule();
  schedule.nonzeros = {12};
  Grid grid;
  grid.sizes = {50};
  grid.nonzeros = {12};
  grid.rules = schedule.rules;
  const Trials trials{25, 3, 4, 7, 2, false};
  const RiskTable expected = simulate(problem, grid, trials);
  const RiskTable found = simulate_schedule(problem, schedule, trials);
  CHECK(found["dense_risk"] == expected["dense_risk"]);
  for (std::size_t point = 0; point < expected["pruned_risk"].size(); ++point) {
    CHECK(found["pruned_risk"][2 * point + 1] == expected["pruned_risk"][point]);
    CHECK(found["retrained_risk"][2 * point + 1] == expected["retrained_risk"][point]);
    CHECK(found["retrained_risk"][2 * point] == found["dense_risk"][point / 4]);
  }
}

TEST_CASE("the empty table of a schedule has the arrays of a simulated one") {
  const LinearGaussianProblem problem = independent();
  const RiskTable found = simulate_schedule(problem, small_schedule(), {25, 0, 3, 7, 1, false});
  const RiskTable empty = simulated_table(problem, small_schedule(), 3);
  CHECK(empty.names == found.names);
  CHECK(empty.dimensions == found.dimensions);
  for (const std::string& name : empty.names)
    for (const double value : empty[name]) CHECK(std::isnan(value));
  CHECK(simulated_table(problem, small_schedule(), 0)["pruned_risk"].empty());
  Schedule rising = small_schedule();
  rising.nonzeros = {4, 12};
  CHECK_THROWS_AS(simulated_table(problem, rising, 3), std::invalid_argument);
  CHECK_THROWS_WITH_AS(simulated_table(problem, small_schedule(), -1),
                       "trials must be at least 0, got -1", std::invalid_argument);
}

TEST_CASE("the simulated schedule does not depend on the number of workers") {
  const LinearGaussianProblem problem = independent();
  const Schedule schedule = small_schedule();
  const RiskTable one = simulate_schedule(problem, schedule, {25, 0, 6, 7, 1, false});
  const RiskTable many = simulate_schedule(problem, schedule, {25, 0, 6, 7, 5, false});
  CHECK(one["pruned_risk"] == many["pruned_risk"]);
  CHECK(one["retrained_risk"] == many["retrained_risk"]);
}

TEST_CASE("the predicted schedule does not depend on the number of workers") {
  const Schedule schedule = small_schedule();
  const LinearGaussianProblem problem = independent();
  Values sigma(kFeatures * kFeatures, 0.0);
  for (Index i = 0; i < kFeatures; ++i)
    sigma[i * (kFeatures + 1)] = 1.0 + 0.1 * static_cast<double>(i % 3);
  const LinearGaussianProblem dense(problem.beta(),
                                    column_major(sigma.data(), kFeatures, kFeatures), 0.3);
  for (const LinearGaussianProblem* which : {&problem, &dense}) {
    const RiskTable one = predict_schedule(*which, 25, schedule, {64, 0.005, 1, 1});
    const RiskTable many = predict_schedule(*which, 25, schedule, {64, 0.005, 1, 4});
    CHECK(one["pruned_risk"] == many["pruned_risk"]);
    CHECK(one["retrained_risk"] == many["retrained_risk"]);
    CHECK(one["retrained_risk_stderr"] == many["retrained_risk_stderr"]);
    CHECK(one["retrained_risk"].size() == 16);
  }
}

TEST_CASE("a predicted schedule of one round is predict") {
  const LinearGaussianProblem problem = independent();
  Schedule schedule = small_schedule();
  schedule.nonzeros = {12};
  Grid grid;
  grid.sizes = {50};
  grid.nonzeros = {12};
  grid.rules = schedule.rules;
  const ConstMatrix beta = problem.beta();
  const RiskTable expected =
      predict(problem.variances(), {beta.data, beta.rows, 1}, problem.noise_std(), 25, grid);
  const RiskTable found = predict_schedule(problem, 25, schedule, {});
  for (std::size_t r = 0; r < 4; ++r) {
    CHECK(found["pruned_risk"][2 * r + 1] ==
          testing::Approx(expected["pruned_risk"][r]).epsilon(1e-9));
    CHECK(found["retrained_risk"][2 * r + 1] ==
          testing::Approx(expected["retrained_risk"][r]).epsilon(1e-9));
    CHECK(found["draws"][r] == 0);
  }
}

TEST_CASE("bad schedules are named") {
  const LinearGaussianProblem problem = independent();
  const auto message = [&](Schedule schedule) {
    try {
      check_schedule(schedule, kFeatures);
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  Schedule schedule = small_schedule();
  CHECK(message(schedule).empty());
  schedule.size = 61;
  CHECK(message(schedule) == "size must lie in [1, 60], got 61");
  schedule = small_schedule();
  schedule.nonzeros = {};
  CHECK(message(schedule) == "schedule must not be empty");
  schedule.nonzeros = {10, 20};
  CHECK(message(schedule) == "schedule must be strictly decreasing, got 10 before 20");
  schedule.nonzeros = {51};
  CHECK(message(schedule) == "schedule must lie in [1, 50], got 51");
  schedule = small_schedule();
  schedule.rules = {Rule::oracle, Rule::oracle};
  CHECK(message(schedule) == "rules must be distinct, got oracle twice");
  CHECK_THROWS_WITH_AS(predict_schedule(problem, 25, small_schedule(), {31, 0.005, 0, 1}),
                       "draws must be at least 32, got 31", std::invalid_argument);
  CHECK_THROWS_WITH_AS(predict_schedule(problem, 25, small_schedule(), {0, 0.0, 0, 1}),
                       "rtol must be above 0, got 0", std::invalid_argument);
  CHECK_THROWS_AS(predict_schedule(problem, 0, small_schedule(), {}), std::invalid_argument);
}

TEST_CASE("a monitor that throws stops a prediction") {
  const auto monitor = [] { throw std::runtime_error("enough"); };
  CHECK_THROWS_WITH_AS(
      predict_schedule(independent(), 25, small_schedule(), {1000000, 0.005, 0, 2}, monitor),
      "enough", std::runtime_error);
}

TEST_CASE("tasks run once each, and the first error reaches the caller") {
  std::vector<int> seen(100, 0);
  run_tasks(100, 4, [&]() -> Task { return [&](Index i, const Poll&) { ++seen[i]; }; });
  CHECK(seen == std::vector<int>(100, 1));
  std::vector<std::atomic<int>> finished(1000);
  Index last = 0;
  bool all = true;
  run_tasks(
      1000, 4,
      [&]() -> Task {
        return [&](Index i, const Poll&) {
          std::this_thread::sleep_for(std::chrono::microseconds(i % 7 * 100));
          finished[i] = 1;
        };
      },
      [&](Index done) {
        for (Index i = 0; i < done; ++i) all = all && finished[i] == 1;
        last = done;
      });
  CHECK(all);
  CHECK(last == 1000);
  CHECK_THROWS_WITH_AS(run_tasks(1000000, 3,
                                 []() -> Task {
                                   return [](Index i, const Poll&) {
                                     if (i == 5) throw std::runtime_error("five");
                                   };
                                 }),
                       "five", std::runtime_error);
}
