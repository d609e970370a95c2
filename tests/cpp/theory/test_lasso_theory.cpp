#include <cmath>

#include "overprune/laws.hpp"
#include "overprune/phase.hpp"
#include "overprune/schedule.hpp"
#include "overprune/theory.hpp"
#include "testing.hpp"

using namespace overprune;

namespace {

LinearGaussianProblem dense_problem(const std::vector<double>& beta,
                                    const std::vector<double>& variances, double noise) {
  const Index p = static_cast<Index>(beta.size());
  std::vector<double> covariance(p * p, 0.0);
  for (Index i = 0; i < p; ++i) covariance[i * (p + 1)] = variances[i];
  return {column_major(beta.data(), p, 1), column_major(covariance.data(), p, p), noise};
}

}  // namespace

TEST_CASE("the lasso of a sparse signal: the table of docs/theory.md, section 14") {
  std::vector<double> beta(600, 0.0), variances(600, 1.0);
  std::fill_n(beta.begin(), 40, 1.0 / 6.0);
  const RiskTable found =
      predict(vector_view(variances), vector_view(beta), std::sqrt(0.1), 300,
              Grid{.sizes = {600}, .nonzeros = {60}, .rules = {Rule::lasso, Rule::hessian}});
  CHECK(std::round(1000.0 * found["pruned_risk"][0]) == 375.0);
  CHECK(std::round(1000.0 * found["retrained_risk"][0]) == 150.0);
  CHECK(found["pruned_penalty"][0] > 0.0);
  CHECK(std::isnan(found["pruned_penalty"][1]));
}

TEST_CASE("draws of the lasso agree with its closed forms") {
  std::vector<double> beta(160, 0.0), variances(160, 1.0);
  for (Index i = 0; i < 160; i += 5) beta[i] = 0.5;
  for (Index i = 0; i < 20; ++i) variances[i] = 4.0;
  for (const double ridge : {0.0, 0.05}) {
    Grid grid{.sizes = {160}, .nonzeros = {12, 40}, .rules = {Rule::lasso}};
    grid.ridge = grid.retrain_ridge = ridge;
    const RiskTable exact = predict(vector_view(variances), vector_view(beta), 0.4, 80, grid);
    const RiskTable drawn = predict(dense_problem(beta, variances, 0.4), 80, grid,
                                    DrawOptions{.draws = 128, .workers = 2});
    for (const char* name : {"pruned_risk", "retrained_risk"})
      for (const std::size_t at : {0u, 1u}) {
        const double error =
            std::hypot(drawn[std::string(name) + "_stderr"][at], 5e-3 * exact[name][at]);
        INFO(name << " " << at << ": " << drawn[name][at] << " against " << exact[name][at]);
        CHECK(std::abs(drawn[name][at] - exact[name][at]) < 4.0 * error);
        CHECK(error < 0.05 * exact[name][at]);
      }
  }
}

TEST_CASE("laws, phases and schedules refuse the lasso") {
  const std::vector<double> beta(10, 1.0), variances(10, 1.0);
  const GroupedFeatures features(vector_view(variances), vector_view(beta), 0.5);
  CHECK_THROWS_WITH_AS(survival(features, 5.0, 10.0, 3.0, Rule::lasso, 0.0),
                       testing::Contains{"trains its own models"}, std::invalid_argument);
  CHECK_THROWS_WITH_AS(
      check_schedule(Schedule{.size = 10, .nonzeros = {5}, .rules = {Rule::lasso}}, 10),
      testing::Contains{"trains its own models"}, std::invalid_argument);
}
