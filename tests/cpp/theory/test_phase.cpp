#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "overprune/phase.hpp"
#include "overprune/theory.hpp"
#include "testing.hpp"

namespace op = overprune;
using op::Index;
using op::Rule;

namespace {

std::vector<op::GroupedFeatures> problems() {
  std::vector<double> eigenvalues(60, 1.0), beta(60);
  for (int i = 0; i < 60; ++i) beta[i] = 0.3 * std::cos(i);
  for (int i = 0; i < 6; ++i) eigenvalues[i] = 16.0;
  const std::vector<double> equal(40, 1.0);
  return {op::GroupedFeatures(op::vector_view(eigenvalues), op::vector_view(beta), 0.4),
          op::GroupedFeatures(op::vector_view(equal), op::vector_view(equal), 0.1)};
}

const std::vector<op::PhasePoint> kPoints = {
    {0, 20.0, 5.0, {8.0, 30.0, 60.0}}, {1, 10.0, 40.0, {}}, {0, 45.0, 10.0, {12.0, 59.0}}};

}  // namespace

TEST_CASE("phase: the least of predict at every point, whatever the workers") {
  const auto features = problems();
  const op::PhaseOptions options{{Rule::magnitude, Rule::hessian}, true, 0.05, 0.1, 1};
  const op::PhaseResult found = op::phase(features, kPoints, options);
  for (std::size_t i = 0; i < kPoints.size(); ++i) {
    const op::PhasePoint& point = kPoints[i];
    const auto& mine = features[point.problem];
    const op::RealGrid direct{
        {point.nonzeros}, {point.nonzeros}, {Rule::magnitude}, false, 0.05, 0.0};
    CHECK(found.direct[i] == op::predict(mine, point.n, direct)["dense_risk"][0]);
    for (std::size_t r = 0; r < 2; ++r) {
      double pruned = NAN, retrained = NAN;
      for (const double k : point.sizes) {
        const auto one = op::predict(mine, point.n,
                                     {{k}, {point.nonzeros}, {options.rules[r]}, true, 0.05, 0.1});
        pruned = std::fmin(pruned, one["pruned_risk"][0]);
        retrained = std::fmin(retrained, one["retrained_risk"][0]);
      }
      const double *risk = &found.risk[(i * 2 + r) * 2], *size = &found.size[(i * 2 + r) * 2];
      if (point.sizes.empty()) {
        CHECK((std::isnan(risk[0]) && std::isnan(risk[1]) && std::isnan(size[0]) &&
               std::isnan(size[1])));
        continue;
      }
      CHECK(risk[0] == testing::Approx(pruned).epsilon(1e-9));
      CHECK(risk[1] == testing::Approx(retrained).epsilon(1e-9));
      CHECK(std::find(point.sizes.begin(), point.sizes.end(), size[0]) != point.sizes.end());
    }
  }
  op::PhaseOptions threaded = options;
  threaded.workers = 3;
  const op::PhaseResult again = op::phase(features, kPoints, threaded);
  CHECK(again.direct == found.direct);
  CHECK(again.oracle == found.oracle);
  CHECK(std::equal(again.risk.begin(), again.risk.begin() + 4, found.risk.begin()));
}

TEST_CASE("phase: refuses bad points, and stops when polled to") {
  const auto features = problems();
  const op::PhaseOptions options{{Rule::magnitude}, false, 0.0, 0.0, 2};
  CHECK_THROWS_AS(op::phase(features, {{2, 20.0, 5.0, {}}}, options), std::invalid_argument);
  CHECK_THROWS_AS(op::phase(features, {{0, 0.0, 5.0, {}}}, options), std::invalid_argument);
  CHECK_THROWS_AS(op::phase(features, {{0, 20.0, 5.0, {5.0, 9.0}}}, options),
                  std::invalid_argument);
  CHECK_THROWS_AS(op::phase(features, {{0, 20.0, 5.0, {61.0}}}, options), std::invalid_argument);
  CHECK_THROWS_AS(op::phase(features, {{0, 20.0, 61.0, {}}}, options), std::invalid_argument);
  CHECK_THROWS_AS(op::phase(features, kPoints, {{}, false, 0.0, 0.0, 1}), std::invalid_argument);
  CHECK_THROWS_AS(op::phase(features, kPoints, {{Rule::random}, false, 0.0, 0.0, 0}),
                  std::invalid_argument);
  const std::vector<op::PhasePoint> many(20000, kPoints[0]);
  CHECK_THROWS_AS(op::phase(features, many, options, [] { throw std::runtime_error("stop"); }),
                  std::runtime_error);
}
