#include "overprune/spectrum.hpp"

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "overprune/theory.hpp"
#include "testing.hpp"

namespace op = overprune;
using op::Rule;

namespace {

struct Blocks {
  std::vector<double> eigenvalues, weights, signal;
  std::vector<char> gaussian;
  double noise_std = 0.3;

  op::Spectrum spectrum() const {
    return {op::vector_view(eigenvalues), op::vector_view(weights), op::vector_view(signal),
            gaussian, noise_std};
  }
  op::RiskTable predict(double n, const op::RealGrid& grid) const {
    return op::predict(op::GroupedFeatures(spectrum()), n, grid);
  }
};

const std::vector<Rule> kRules = {Rule::magnitude, Rule::hessian, Rule::oracle, Rule::random};

template <class Call>
std::string refusal(const Call& call) {
  try {
    call();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("grouping: runs, atoms, totals") {
  // The variance 0 belongs to no atom; -1 and 1 behave alike.
  const std::vector<double> lam = {4, 4, 1, 1, 0, 0, 4, 1}, beta = {1, -1, 2, 2, 5, 5, 1, 2};
  const op::GroupedFeatures features(op::vector_view(lam), op::vector_view(beta), 0.5);
  CHECK(features.total() == 8.0);
  CHECK(features.runs() == 5);
  CHECK(features.atoms() == 2);
  CHECK(features.null_risk() == 0.25 + 3 * 4 + 3 * 4);
  std::vector<double> many, ones(5000, 1.0);  // the table of atoms grows
  for (int i = 0; i < 5000; ++i) many.push_back(1.0 + i % 1234);
  CHECK(op::GroupedFeatures(op::vector_view(many), op::vector_view(ones), 0.0).atoms() == 1234);
}

TEST_CASE("a spectrum of counts is the finite problem") {
  const Blocks blocks{{25, 1, 0, 1}, {30, 100, 20, 50}, {0.1, 0.05, 1.0, 0.2}, {}};
  std::vector<double> lam, beta;
  for (int j = 0; j < 4; ++j)
    for (int i = 0; i < static_cast<int>(blocks.weights[j]); ++i) {
      lam.push_back(blocks.eigenvalues[j]);
      beta.push_back(i % 2 ? blocks.signal[j] : -blocks.signal[j]);
    }
  const op::Grid grid{{20, 77, 140, 200}, {5, 33, 77, 190}, kRules, true, 0.1, 0.02};
  const auto finite = op::predict(op::vector_view(lam), op::vector_view(beta), 0.3, 60, grid);
  const auto found =
      blocks.predict(60, {{20, 77, 140, 200}, {5, 33, 77, 190}, kRules, true, 0.1, 0.02});
  for (std::size_t i = 0; i < finite["pruned_risk"].size(); ++i) {
    if (std::isnan(finite["pruned_risk"][i])) continue;
    CHECK(found["pruned_risk"][i] == testing::Approx(finite["pruned_risk"][i]).epsilon(1e-13));
    CHECK(found["retrained_risk"][i] ==
          testing::Approx(finite["retrained_risk"][i]).epsilon(1e-13));
  }
}

TEST_CASE("the unit of the weights does not matter") {
  Blocks blocks{{25, 1, 3}, {30, 100, 50}, {0.1, 0.05, 0.2}, {0, 1, 1}};
  const auto counts = blocks.predict(60, {{20, 140, 180}, {5, 77}, kRules});
  const double scale = 1.0 / 64.0;  // exact, so that sizes and n still meet
  for (double& weight : blocks.weights) weight *= scale;
  for (double& signal : blocks.signal) signal /= std::sqrt(scale);
  const auto ratios = blocks.predict(
      60 * scale, {{20 * scale, 140 * scale, 180 * scale}, {5 * scale, 77 * scale}, kRules});
  for (std::size_t i = 0; i < counts["pruned_risk"].size(); ++i) {
    if (std::isnan(counts["pruned_risk"][i])) continue;
    CHECK(ratios["pruned_risk"][i] == testing::Approx(counts["pruned_risk"][i]).epsilon(1e-12));
    CHECK(ratios["retrained_risk"][i] ==
          testing::Approx(counts["retrained_risk"][i]).epsilon(1e-12));
  }
}

TEST_CASE("a point does not depend on the rest of the grid") {
  const Blocks blocks{{25, 1, 3}, {0.3, 0.1, 0.6}, {0.1, 0.5, 0.2}, {0, 0, 1}};
  const auto all = blocks.predict(0.6, {{0.2, 0.35, 0.7, 1.0}, {0.05, 0.1, 0.3}, kRules});
  const auto one = blocks.predict(0.6, {{0.7}, {0.1}, {Rule::hessian}});
  CHECK(one["dense_risk"][0] == all["dense_risk"][2]);
  CHECK(one["pruned_risk"][0] == all["pruned_risk"][(1 * 4 + 2) * 3 + 1]);
  CHECK(one["retrained_risk"][0] == all["retrained_risk"][(1 * 4 + 2) * 3 + 1]);
}

TEST_CASE("limits: infinite at size = n and nonzeros = n, nothing pruned is dense") {
  const Blocks blocks{{2, 1, 0.5}, {0.1, 0.2, 0.7}, {1, 2, 0.3}, {0, 1, 1}};
  const auto risk = blocks.predict(0.3, {{0.3, 1.0}, {0.1, 0.3}, kRules});
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(risk["dense_risk"][0] == infinity);
  for (std::size_t r = 0; r < 4; ++r) {
    CHECK(risk["pruned_risk"][r * 4] == infinity);
    CHECK(std::isfinite(risk["retrained_risk"][r * 4]));
    CHECK(risk["retrained_risk"][r * 4 + 1] == infinity);  // all of size = n
    CHECK(risk["retrained_risk"][r * 4 + 3] == infinity);
    CHECK(std::isfinite(risk["pruned_risk"][r * 4 + 3]));
  }
}

TEST_CASE("spectrum: refuses") {
  const Blocks good{{2, 1}, {0.5, 0.5}, {1, 2}, {0, 1}};
  const op::RealGrid grid{{1.0}, {0.5}, {Rule::magnitude}};
  const auto with = [&](auto change) {
    Blocks blocks = good;
    change(blocks);
    return refusal([&] { blocks.predict(0.5, grid); });
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(with([](Blocks&) {}).empty());
  CHECK(with([](Blocks& b) { b.weights[1] = 0.0; }) ==
        "weights must be finite and above 0, got 0 at index 1");
  CHECK(with([](Blocks& b) { b.weights.pop_back(); }) == "weights must have length 2, got 1");
  CHECK(with([](Blocks& b) { b.signal.pop_back(); }) == "signal must have length 2, got 1");
  CHECK(with([](Blocks& b) { b.gaussian.pop_back(); }) == "gaussian must have length 2, got 1");
  CHECK(with([](Blocks& b) { b.eigenvalues[0] = -1.0; }) ==
        "eigenvalues must be finite and at least 0, got -1 at index 0");
  CHECK(with([&](Blocks& b) { b.signal[1] = nan; }).find("signal must be finite") == 0);
  CHECK(with([](Blocks& b) { b.noise_std = -1.0; }).find("noise_std") == 0);
  CHECK(with([](Blocks& b) { b = {}; }) == "eigenvalues must not be empty");
  const auto on = [&](double n, const op::RealGrid& wrong) {
    return refusal([&] { good.predict(n, wrong); });
  };
  CHECK(on(0.0, grid) == "n must be finite and above 0, got 0");
  CHECK(on(nan, grid).find("n must be finite") == 0);
  CHECK(on(1.0, {{1.1}, {0.5}, {Rule::random}}) ==
        "sizes must be at most the total weight 1, got 1.1");
  CHECK(on(1.0, {{1.0}, {0.5, 0.5}, {Rule::random}}).find("nonzeros must be strictly increasing") ==
        0);
  CHECK(on(1.0, {{}, {0.5}, {Rule::random}}) == "sizes must not be empty");
  CHECK(on(1.0, {{1.0}, {-0.5}, {Rule::random}}).find("nonzeros must be finite and above 0") == 0);
  CHECK(on(1.0, {{1.0}, {0.5}, {}}) == "rules must not be empty");
  CHECK(on(1.0, {{1.0}, {0.5}, {Rule::random, Rule::random}}) ==
        "rules must be distinct, got random twice");
}

TEST_CASE("survival: probabilities add up, the oracle keeps the first of equals") {
  const std::vector<double> lam = {4, 1, 0, 1, 1, 1}, beta = {1, 2, 9, 0, 0, 0};
  const op::GroupedFeatures features(op::vector_view(lam), op::vector_view(beta), 0.5);
  const auto oracle = op::survival(features, 10, 5, 4, Rule::oracle, 0.0);
  CHECK(oracle.probability == std::vector<double>{1, 1, 1, 1, 0, 0});
  CHECK(oracle.overlap == 1.0);
  for (const Rule rule : kRules) {
    double sum = 0.0;
    const auto found = op::survival(features, 10, 5, 2, rule, 0.1);
    for (const double probability : found.probability) sum += probability;
    CHECK(sum == testing::Approx(2.0).epsilon(1e-12));
    CHECK(found.probability[5] == 0.0);
    CHECK(found.overlap <= 1.0);
  }
  CHECK(refusal([&] { op::survival(features, 10, 5, 6, Rule::random, 0.0); }) ==
        "nonzeros must be at most size 5, got 6");
}
