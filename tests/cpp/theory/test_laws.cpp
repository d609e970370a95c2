#include <cmath>
#include <numeric>

#include "overprune/laws.hpp"
#include "overprune/theory.hpp"
#include "testing.hpp"

namespace op = overprune;

namespace {

op::LinearGaussianProblem correlated(op::Index p, op::Index m) {
  std::vector<double> beta(p * m), sigma(p * p);
  for (op::Index i = 0; i < p * m; ++i) beta[i] = std::cos(static_cast<double>(i)) / 4.0;
  for (op::Index j = 0; j < p; ++j)
    for (op::Index i = 0; i < p; ++i)
      sigma[i + j * p] = std::pow(0.6, std::abs(static_cast<double>(i - j)));
  return {op::column_major(beta.data(), p, m), op::column_major(sigma.data(), p, p), 0.3};
}

op::LinearGaussianProblem independent(op::Index p) {
  std::vector<double> beta(p), lam(p);
  for (op::Index i = 0; i < p; ++i) {
    beta[i] = std::cos(static_cast<double>(i)) / 4.0;
    lam[i] = 1.0 + static_cast<double>(i % 3);
  }
  return {op::column_major(beta.data(), p, 1), op::vector_view(lam), 0.3};
}

}  // namespace

TEST_CASE("model_law of independent features is coefficient_law") {
  const auto problem = independent(30);
  const op::ModelLaw law = op::model_law(problem, 12, 0.1);
  const op::ConstVector beta{problem.beta().data, 30, problem.beta().row_stride};
  const auto expected = op::coefficient_law(problem.variances(), beta, 0.3, 12, 0.1);
  for (op::Index i = 0; i < 30; ++i) {
    CHECK(law.mean[i] == testing::Approx(expected.mean[i]).epsilon(1e-12));
    CHECK(law.spread[i] * law.omega[0] == testing::Approx(expected.variance[i]).epsilon(1e-12));
  }
  CHECK(law.finite);
  CHECK_FALSE(op::model_law(problem, 30, 0.0).finite);
}

TEST_CASE("survival does not depend on threads and sums to the number of survivors") {
  for (const auto& problem : {correlated(24, 1), correlated(24, 2), independent(24)})
    for (const op::Rule rule :
         {op::Rule::magnitude, op::Rule::hessian, op::Rule::oracle, op::Rule::random}) {
      const op::PruningPoint point{10, 20, rule, 0.0, 0.0};
      const auto one = op::survival(problem, point, {5, 11}, {101, 3, 1});
      const auto two = op::survival(problem, point, {5, 11}, {101, 3, 2});
      CHECK(one.probability == two.probability);
      CHECK(one.overlap == two.overlap);
      for (int s = 0; s < 2; ++s) {
        const auto first = one.probability.begin() + 20 * s;
        CHECK(std::accumulate(first, first + 20, 0.0) ==
              testing::Approx(s == 0 ? 5 : 11).epsilon(1e-12));
      }
    }
}

TEST_CASE("drawn models: prefixes, and their densities count them") {
  const auto problem = correlated(24, 2);
  const op::PruningPoint point{10, 20, op::Rule::magnitude, 0.0, 0.1};
  const auto many = op::sample_models(problem, point, 5, true, {7, 1, 1});
  const auto few = op::sample_models(problem, point, 5, true, {3, 1, 2});
  CHECK(std::equal(few.dense.begin(), few.dense.end(), many.dense.begin()));
  CHECK(std::equal(few.support.begin(), few.support.end(), many.support.begin()));
  CHECK(std::equal(few.retrained.begin(), few.retrained.end(), many.retrained.begin()));
  std::vector<double> edges(41);
  for (int i = 0; i <= 40; ++i) edges[i] = 0.5 * (i - 20);
  op::Indices all(20);
  std::iota(all.begin(), all.end(), op::Index{0});
  const auto one =
      op::coefficient_density(problem, point, 5, true, op::vector_view(edges), all, {9, 1, 1});
  const auto two =
      op::coefficient_density(problem, point, 5, true, op::vector_view(edges), all, {9, 1, 2});
  for (const auto* values : {&one.dense, &one.surviving, &one.retrained}) {
    double mass = 0.0;
    for (int c = 0; c < 40; ++c) mass += 0.5 * (*values)[c];
    CHECK(mass == testing::Approx(1.0).epsilon(1e-9));
  }
  CHECK(one.surviving == two.surviving);
  CHECK(one.retrained == two.retrained);
}

TEST_CASE("laws: arguments out of range") {
  const auto problem = correlated(8, 1);
  const op::PruningPoint good{5, 8, op::Rule::magnitude, 0.0, 0.0};
  CHECK_THROWS_AS(op::model_law(problem, 0, 0.0), std::invalid_argument);
  CHECK_THROWS_AS(op::model_law(problem, 3, -1.0), std::invalid_argument);
  CHECK_THROWS_AS(op::survival(problem, {5, 9}, {2}, {}), std::invalid_argument);
  CHECK_THROWS_AS(op::survival(problem, good, {9}, {}), std::invalid_argument);
  CHECK_THROWS_AS(op::survival(problem, good, {3, 2}, {}), std::invalid_argument);
  CHECK_THROWS_AS(op::survival(problem, good, {2}, {0, 0, 1}), std::invalid_argument);
  CHECK_THROWS_AS(op::sample_models(problem, {8, 8}, 2, false, {}),
                  std::invalid_argument);  // infinite
  const std::vector<double> edges{0.0, 1.0}, falling{1.0, 0.0};
  CHECK_THROWS_AS(
      op::coefficient_density(problem, good, 2, false, op::vector_view(falling), {0}, {}),
      std::invalid_argument);
  CHECK_THROWS_AS(op::coefficient_density(problem, good, 2, false, op::vector_view(edges), {8}, {}),
                  std::invalid_argument);
}
