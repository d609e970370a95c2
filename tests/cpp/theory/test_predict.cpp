// predict for any covariance and several targets: shapes, agreement with closed forms, determinism,
// refusals.
#include <atomic>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "overprune/theory.hpp"
#include "reference.hpp"
#include "testing.hpp"

namespace op = overprune;
using op::Index;
using op::Rule;
using reference::Values;

namespace {

const std::vector<Rule> kRules{Rule::magnitude, Rule::hessian, Rule::oracle, Rule::random};

/// Variances from 0.25 to 4, coefficients of both signs.
struct Independent {
  explicit Independent(Index p, Index m = 1) : features(p), targets(m), variances(p), beta(p * m) {
    for (Index i = 0; i < p; ++i)
      variances[i] = std::exp2(static_cast<double>((7 * i) % 17) / 4.0 - 2.0);
    for (Index i = 0; i < p * m; ++i) beta[i] = 0.2 * std::sin(1.0 + 3.0 * static_cast<double>(i));
  }
  op::LinearGaussianProblem problem() const {
    return {op::column_major(beta.data(), features, targets), op::vector_view(variances), 0.3};
  }
  /// The same variances on the diagonal of a full matrix; beside it `correlation`^|i - j|.
  op::LinearGaussianProblem full(double correlation = 0.0) const {
    Values sigma(features * features);
    for (Index j = 0; j < features; ++j)
      for (Index i = 0; i < features; ++i)
        sigma[j * features + i] =
            std::sqrt(variances[i] * variances[j]) *
            (i == j ? 1.0 : std::pow(correlation, std::abs(static_cast<double>(i - j))));
    return {op::column_major(beta.data(), features, targets),
            op::column_major(sigma.data(), features, features), 0.3};
  }
  Index features, targets;
  Values variances, beta;
};

op::DrawOptions drawn(Index draws, Index workers = 1, std::uint64_t seed = 0) {
  op::DrawOptions options;
  options.draws = draws;
  options.workers = workers;
  options.seed = seed;
  return options;
}

bool same_bits(const Values& a, const Values& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * 8) == 0);
}

bool same_bits(const op::RiskTable& a, const op::RiskTable& b) {
  if (a.names != b.names || a.dimensions != b.dimensions) return false;
  for (std::size_t i = 0; i < a.names.size(); ++i)
    if (!same_bits(a.values[i], b.values[i])) return false;
  return true;
}

/// The message of the std::invalid_argument that predict throws, empty if it throws none.
std::string refusal(const op::LinearGaussianProblem& problem, Index n, const op::Grid& grid,
                    const op::DrawOptions& options) {
  try {
    op::predict(problem, n, grid, options);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

bool mentions(const std::string& message, const std::string& word) {
  return message.find(word) != std::string::npos;
}

}  // namespace

TEST_CASE("predict by draws: shapes, and NaN where nonzeros > size") {
  const auto problem = Independent(30).full(0.6);
  op::Grid grid{{10, 20, 30}, {5, 15}, kRules};
  const auto risk = op::predict(problem, 12, grid, drawn(4));
  CHECK(risk["dense_risk"].size() == 3);
  CHECK(risk["draws"] == Values{4, 4, 4});
  for (const Values* values : {&risk["pruned_risk"], &risk["pruned_risk_stderr"],
                               &risk["retrained_risk"], &risk["retrained_risk_stderr"]}) {
    REQUIRE(values->size() == 24);
    for (std::size_t i = 0; i < 24; ++i)
      CHECK(std::isnan((*values)[i]) == (i % 2 == 1 && (i / 2) % 3 == 0));  // 15 of 10
  }
  CHECK(!risk.contains("compensated_risk"));
  CHECK(!risk.contains("dense_accuracy"));
  grid.retrain = false;
  grid.compensate = true;
  const auto compensated = op::predict(problem, 12, grid, drawn(4));
  CHECK(!compensated.contains("retrained_risk"));
  CHECK(!compensated.contains("retrained_risk_stderr"));
  CHECK(compensated["compensated_risk"].size() == 24);
  CHECK(same_bits(compensated["pruned_risk"], risk["pruned_risk"]));
}

TEST_CASE("predict by draws: a diagonal given as dense is the diagonal path") {
  const Independent features(150);
  for (const double ridge : {0.0, 0.1}) {
    op::Grid grid{{30, 100, 150}, {12, 40, 80}, kRules};
    grid.ridge = ridge;
    grid.retrain_ridge = ridge / 2;
    const auto exact = op::predict(op::vector_view(features.variances),
                                   op::vector_view(features.beta), 0.3, 60, grid);
    const auto risk = op::predict(features.full(), 60, grid, drawn(512));
    for (std::size_t k = 0; k < 3; ++k)
      CHECK(risk["dense_risk"][k] == testing::Approx(exact["dense_risk"][k]).epsilon(1e-12));
    const auto compare = [&](const Values& found, const Values& error, const Values& expected) {
      for (std::size_t i = 0; i < found.size(); ++i) {
        if (std::isnan(expected[i])) {
          CHECK(std::isnan(found[i]));
        } else {  // exactly s survive a draw, s on average in the limit: of order 1/p apart
          const double allowed =
              error[i] > 0.0 ? 4.0 * error[i] + expected[i] / 150.0 : 1e-10 * expected[i];
          CHECK(std::abs(found[i] - expected[i]) <= allowed);
        }
      }
    };
    compare(risk["pruned_risk"], risk["pruned_risk_stderr"], exact["pruned_risk"]);
    compare(risk["retrained_risk"], risk["retrained_risk_stderr"], exact["retrained_risk"]);
    const std::size_t points = 9;
    for (std::size_t i = 2 * points; i < 3 * points; ++i)  // oracle
      if (!std::isnan(risk["retrained_risk_stderr"][i]))
        CHECK(risk["retrained_risk_stderr"][i] == 0.0);
  }
}

TEST_CASE("predict by draws: equal columns of beta and joint noise are one target several times") {
  const Index p = 40, m = 3;
  const Independent one(p);
  Values beta;
  for (Index t = 0; t < m; ++t) beta.insert(beta.end(), one.beta.begin(), one.beta.end());
  const Values noise(m * m, 0.09);
  const op::LinearGaussianProblem several{op::column_major(beta.data(), p, m),
                                          op::vector_view(one.variances),
                                          op::column_major(noise.data(), m, m)};
  const op::Grid grid{{20, 40}, {10}, {Rule::magnitude, Rule::oracle}};
  const auto single = op::predict(one.full(), 25, grid, drawn(1024));
  const auto triple = op::predict(several, 25, grid, drawn(1024));
  for (std::size_t k = 0; k < 2; ++k)
    CHECK(triple["dense_risk"][k] == testing::Approx(3.0 * single["dense_risk"][k]).epsilon(1e-12));
  for (std::size_t i = 0; i < 4; ++i) {
    const double error =
        std::hypot(3.0 * single["retrained_risk_stderr"][i], triple["retrained_risk_stderr"][i]);
    CHECK(std::abs(triple["retrained_risk"][i] - 3.0 * single["retrained_risk"][i]) <=
          4.0 * error + 1e-10 * triple["retrained_risk"][i]);
  }
}

TEST_CASE("predict by draws: the same bits with any number of workers") {
  for (const Index m : {1, 2}) {
    const auto problem = Independent(40, m).full(0.7);
    op::Grid grid{{15, 25, 40}, {5, 20, 30}, kRules};
    grid.compensate = true;
    grid.retrain_ridge = 0.05;
    for (const Index draws : {0, 7, 40}) {
      op::DrawOptions options = drawn(draws, 1, 3);
      options.rtol = 0.05;
      const auto one = op::predict(problem, 18, grid, options);
      for (const Index workers : {2, 3, 8}) {
        options.workers = workers;
        CHECK(same_bits(op::predict(problem, 18, grid, options), one));
      }
    }
    CHECK_FALSE(same_bits(op::predict(problem, 18, grid, drawn(8, 1, 3)),
                          op::predict(problem, 18, grid, drawn(8, 1, 4))));
  }
}

TEST_CASE("predict by draws: enough of them for the tolerance") {
  const auto problem = Independent(40).full(0.7);
  const op::Grid grid{{40}, {10}, {Rule::magnitude}};
  Index fewest = 0;
  for (const double rtol : {0.05, 0.01}) {
    op::DrawOptions options = drawn(0);
    options.rtol = rtol;
    const auto risk = op::predict(problem, 20, grid, options);
    CHECK(risk["pruned_risk_stderr"][0] <= rtol * risk["pruned_risk"][0]);
    CHECK(risk["retrained_risk_stderr"][0] <= rtol * risk["retrained_risk"][0]);
    CHECK(risk["draws"][0] > fewest);
    fewest = risk["draws"][0];
  }
  CHECK(std::isinf(op::predict(problem, 20, grid, drawn(1))["retrained_risk_stderr"][0]));
}

TEST_CASE("predict by draws: accuracies of labelled rows") {
  const Index p = 30, m = 2, rows = 200;
  const auto problem = Independent(p, m).full(0.5);
  const Values features = reference::normals(rows * p, 1);
  Values targets(rows * m, 0.0);
  for (Index i = 0; i < rows; ++i) targets[(features[i] > 0.0 ? 0 : rows) + i] = 1.0;
  const op::TestSet test{op::column_major(features.data(), rows, p),
                         op::column_major(targets.data(), rows, m)};
  op::DrawOptions options = drawn(16);
  options.test = &test;
  const op::Grid grid{{10, 30}, {5, 10, 20}, {Rule::magnitude, Rule::random}};
  const auto risk = op::predict(problem, 15, grid, options);
  CHECK(risk["dense_accuracy"].size() == 2);
  CHECK(risk["pruned_accuracy"].size() == 12);
  for (std::size_t i = 0; i < 12; ++i) {
    const bool none = i % 3 == 2 && (i / 3) % 2 == 0;  // 20 of 10
    for (const Values* values : {&risk["pruned_accuracy"], &risk["retrained_accuracy"]}) {
      CHECK(std::isnan((*values)[i]) == none);
      if (!none) CHECK(((*values)[i] >= 0.0 && (*values)[i] <= 1.0));
    }
  }
  CHECK(risk["pruned_accuracy"][1] == risk["dense_accuracy"][0]);  // all 10 of 10
  options.workers = 3;
  CHECK(same_bits(op::predict(problem, 15, grid, options)["retrained_accuracy"],
                  risk["retrained_accuracy"]));
}

TEST_CASE("predict by draws: refuses") {
  const auto problem = Independent(10).full(0.5);
  const op::Grid grid{{10}, {5}, {Rule::magnitude}};
  CHECK(mentions(refusal(problem, 0, grid, drawn(4)), "n must be at least 1, got 0"));
  CHECK(mentions(refusal(problem, 5, grid, drawn(-1)), "draws must be at least 0, got -1"));
  CHECK(mentions(refusal(problem, 5, grid, drawn(4, 0)), "workers must be at least 1, got 0"));
  for (const double rtol : {0.0, -1.0, std::nan("")}) {
    op::DrawOptions options = drawn(0);
    options.rtol = rtol;
    CHECK(mentions(refusal(problem, 5, grid, options), "rtol must be positive"));
  }
  CHECK(mentions(refusal(problem, 5, {{11}, {5}, {Rule::magnitude}}, drawn(4)), "sizes"));
  CHECK(mentions(refusal(problem, 5, {{10}, {5, 5}, {Rule::magnitude}}, drawn(4)), "nonzeros"));
  CHECK(mentions(refusal(problem, 5, {{10}, {5}, {}}, drawn(4)), "rules"));
  op::Grid negative = grid;
  negative.ridge = -1.0;
  CHECK(mentions(refusal(problem, 5, negative, drawn(4)), "ridge"));
  const Values features(40, 1.0), targets(4, 1.0);
  const op::TestSet narrow{op::column_major(features.data(), 5, 8),
                           op::column_major(targets.data(), 4, 1)};
  op::DrawOptions judged = drawn(4);
  judged.test = &narrow;
  CHECK(mentions(refusal(problem, 5, grid, judged), "test features (columns)"));
  const op::TestSet uneven{op::column_major(features.data(), 4, 10),
                           op::column_major(targets.data(), 3, 1)};
  judged.test = &uneven;
  CHECK(mentions(refusal(problem, 5, grid, judged), "test targets (rows)"));
}

TEST_CASE("predict by draws: what poll throws ends it, with any number of workers") {
  struct Stop {};
  const auto problem = Independent(60).full(0.5);
  const op::Grid grid{{30, 60}, {5, 20}, {Rule::magnitude}};
  for (const Index workers : {1, 2}) {
    std::atomic<int> calls{0};
    const auto poll = [&] {
      if (++calls > 3) throw Stop{};
    };
    CHECK_THROWS_AS(op::predict(problem, 25, grid, drawn(1000000, workers), poll), Stop);
  }
}
