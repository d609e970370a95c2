// The API from several threads at once, and the polls that end its work.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <thread>

#include "kernels/table.hpp"
#include "overprune/interrupt.hpp"
#include "overprune/laws.hpp"
#include "overprune/least_squares.hpp"
#include "overprune/problem.hpp"
#include "overprune/scalar_function.hpp"
#include "overprune/schedule.hpp"
#include "overprune/simulate.hpp"
#include "overprune/theory.hpp"
#include "reference.hpp"
#include "testing.hpp"

using namespace overprune;
using namespace reference;

namespace {

constexpr Index p = 40;

Values covariance(Index size) {
  Values sigma(size * size);
  for (Index j = 0; j < size; ++j)
    for (Index i = 0; i < size; ++i)
      sigma[j * size + i] = std::pow(0.7, std::abs(static_cast<double>(i - j)));
  return sigma;
}

const LinearGaussianProblem& correlated() {
  static const Values beta = normals(p, 1), sigma = covariance(p);
  static const LinearGaussianProblem problem(column_major(beta.data(), p, 1),
                                             column_major(sigma.data(), p, p), 0.3);
  return problem;
}

Grid grid() {
  Grid result;
  result.sizes = {10, 40};
  result.nonzeros = {5, 15};
  result.rules = {Rule::magnitude, Rule::oracle, Rule::random};
  return result;
}

/// What a thread computes: figures of every part of the library, some by threads of its own.
Values figures(std::uint64_t seed) {
  const LinearGaussianProblem& problem = correlated();
  Values all;
  const auto add = [&](const Values& more) { all.insert(all.end(), more.begin(), more.end()); };
  add(simulate(problem, grid(), {20, 0, 3, seed, 2, false})["retrained_risk"]);
  const DrawOptions options{16, 0.005, seed, 2, nullptr};
  add(predict(problem, 20, grid(), options)["retrained_risk"]);
  const PruningPoint point{20, 40, Rule::magnitude, 0.0, 0.0};
  add(survival(problem, point, {5}, {16, seed, 2}).probability);
  const LinearGaussianProblem part = problem.restrict({3, 1, 30});
  add({part.noise_std(), part.null_risk()});
  // Columns that repeat: the rank-revealing fallback.
  Values x = normals(12 * 5, seed), y = normals(12, seed + 1), theta(25);
  for (int i = 0; i < 4; ++i) x.insert(x.end(), x.begin(), x.begin() + 12 * 5);
  least_squares(column_major(x.data(), 12, 25), column_major(y.data(), 12, 1), 0.0,
                column_major(theta.data(), 25, 1));
  add(theta);
  return all;
}

bool same(const Values& a, const Values& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](double u, double v) {
           return u == v || (std::isnan(u) && std::isnan(v));
         });
}

struct Enough : std::runtime_error {
  Enough() : std::runtime_error("enough") {}
};

/// Runs `work` with a poll that throws at its first, second, third, ... call until it is let
/// through, and returns how often the poll was called then.
int looks_of(const std::function<void()>& work) {
  for (int most = 0;; ++most) {
    int looks = 0;
    const std::function<void()> poll = [&] {
      if (looks++ == most) throw Enough();
    };
    const Interruptible interruptible(poll);
    try {
      work();
      return looks;
    } catch (const Enough&) {
    }
  }
}

}  // namespace

TEST_CASE("several threads at once compute what one does") {
  const Values first = figures(1), second = figures(2);
  Values found[4];
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&found, i] { found[i] = figures(i % 2 == 0 ? 1 : 2); });
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 4; ++i) CHECK(same(found[i], i % 2 == 0 ? first : second));
}

TEST_CASE("Interruptible: of its own thread, one in another, and an empty one") {
  int outer = 0, inner = 0;
  const std::function<void()> count_outer = [&] { ++outer; }, count_inner = [&] { ++inner; }, none;
  const Index n = 128;
  const Values a(n * n, 1.0);
  Values c(n * n);
  const auto work = [&] {
    kernels::active().gemm(false, false, n, n, n, 1.0, a.data(), n, a.data(), n, 0.0, c.data(), n);
  };
  work();
  {
    const Interruptible first(count_outer);
    work();
    CHECK(outer == 1);
    {
      const Interruptible second(count_inner);
      const Interruptible third(none);
      work();
      CHECK(outer == 1);
      CHECK(inner == 1);
    }
    std::thread(work).join();
    CHECK(outer == 1);
    work();
    CHECK(outer == 2);
  }
  work();
  CHECK(outer == 2);
}

TEST_CASE("kernels that a poll ends wherever they look up give the right answer the next time") {
  const Index n = 70;
  const Values a = normals(n * n, 1), gram = product(transpose(a, n, n), a, n, n, n);
  for (int i = 0; const kernels::Table* table = kernels::supported(i); ++i) {
    const kernels::Table& kernel = *table;
    Values v = gram, values(n), expected = v, expected_values(n);
    REQUIRE(kernel.symmetric_eigen(n, expected.data(), n, expected_values.data()));
    const int eigen = looks_of([&] {
      v = gram;
      kernel.symmetric_eigen(n, v.data(), n, values.data());
    });
    CHECK(eigen > n);
    CHECK(same(v, expected));
    CHECK(same(values, expected_values));

    Values theta(n), expected_theta(n);
    double condition = 0.0;
    const auto solve = [&](Values& out) {
      return kernel.min_norm(n / 2, n, 1, a.data(), n / 2, a.data(), n / 2, 1e-12, out.data(), n,
                             &condition);
    };
    REQUIRE(solve(expected_theta) == n / 2);
    CHECK(looks_of([&] { solve(theta); }) > n);
    CHECK(same(theta, expected_theta));
  }
}

TEST_CASE("constructors and calls that take no poll are ended by Interruptible") {
  const Index size = 520;
  const Values beta = normals(size, 1), sigma = covariance(size);
  const auto make = [&] {
    return LinearGaussianProblem(column_major(beta.data(), size, 1),
                                 column_major(sigma.data(), size, size), 0.3);
  };
  const LinearGaussianProblem whole = make();
  double found = 0.0;
  CHECK(looks_of([&] { found = make().null_risk(); }) > 0);
  CHECK(found == whole.null_risk());
  Indices features;
  for (Index i = 0; i < size - 1; ++i) features.push_back(size - 1 - i);
  const double expected = whole.restrict(features).noise_std();
  CHECK(looks_of([&] { found = whole.restrict(features).noise_std(); }) > 0);
  CHECK(found == expected);
  Values x(size * size), y(size);
  CHECK(looks_of([&] {
          whole.sample(size, 1, 0, column_major(x.data(), size, size),
                       column_major(y.data(), size, 1));
        }) > 0);
}

TEST_CASE("a poll that throws ends a prediction by several threads") {
  const std::function<void()> poll = [] { throw Enough(); };
  const DrawOptions options{1 << 20, 0.005, 0, 3, nullptr};
  CHECK_THROWS_AS(predict(correlated(), 20, grid(), options, poll), Enough);
  CHECK_THROWS_AS(
      survival(correlated(), {20, 40, Rule::magnitude, 0.0, 0.0}, {5}, {1 << 20, 1, 3}, poll),
      Enough);
}

TEST_CASE(
    "a function of the caller's in several threads: the bits of one, and what it throws ends the "
    "run") {
  constexpr Index d = 6;
  std::atomic<Index> images{0}, most{std::numeric_limits<Index>::max()};
  const ScalarFunction rectify("activation", [&](double* z, Index count) {
    for (Index i = 0; i < count; ++i) z[i] = std::max(z[i], 0.0);
    if ((images += count) > most) throw Enough();
  });
  const Values weights = normals(p * d, 1), teacher = normals(d, 2);
  const RandomFeatureProblem problem(column_major(weights.data(), p, d), vector_view(teacher), 0.3,
                                     rectify, {});
  const Values one = simulate(problem, grid(), {20, 0, 5, 1, 1, false})["retrained_risk"];
  CHECK(same(simulate(problem, grid(), {20, 0, 5, 1, 3, false})["retrained_risk"], one));
  most = images + 20 * p * 10;
  CHECK_THROWS_AS(simulate(problem, grid(), {20, 0, 1 << 20, 1, 3, false}), Enough);
}

TEST_CASE("one problem in the hands of several threads") {
  const LinearGaussianProblem& problem = correlated();
  const Schedule schedule{40, {20, 10}, {Rule::magnitude, Rule::oracle}, 0.0, 0.0};
  Values simulated[2], predicted[2];
  std::thread other[2];
  for (int i = 0; i < 2; ++i)
    other[i] = std::thread([&, i] {
      simulated[i] =
          simulate_schedule(problem, schedule, {20, 0, 4, 1, 2, false})["retrained_risk"];
      predicted[i] = predict_schedule(problem, 20, schedule, {32, 0.005, 1, 2})["retrained_risk"];
    });
  for (std::thread& thread : other) thread.join();
  CHECK(same(simulated[0], simulated[1]));
  CHECK(same(predicted[0], predicted[1]));
}
