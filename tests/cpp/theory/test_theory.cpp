#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "overprune/theory.hpp"
#include "testing.hpp"

namespace op = overprune;
using op::Index;
using op::Rule;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double tau(const std::vector<double>& eigenvalues, Index n, double ridge = 0.0) {
  return op::fixed_point(op::vector_view(eigenvalues), n, ridge);
}

struct Problem {
  std::vector<double> eigenvalues, beta;
  double noise_std;

  op::RiskTable predict(Index n, const op::Grid& grid,
                        const std::function<void()>& poll = {}) const {
    return op::predict(op::vector_view(eigenvalues), op::vector_view(beta), noise_std, n, grid,
                       poll);
  }
};

/// 150 features of variance 25, 1350 of variance 1, equal coefficients.
Problem demo() {
  Problem problem{std::vector<double>(1500, 1.0),
                  std::vector<double>(1500, 1.0 / std::sqrt(1500.0)), 0.3};
  for (int i = 0; i < 150; ++i) problem.eigenvalues[i] = 25.0;
  return problem;
}

/// The message of the std::invalid_argument that `call` throws, empty if it throws none.
template <class Call>
std::string refusal(const Call& call) {
  try {
    call();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

bool mentions(const std::string& message, const std::string& word) {
  return message.find(word) != std::string::npos;
}

}  // namespace

TEST_CASE("fixed_point: equal eigenvalues, limits") {
  CHECK(tau(std::vector<double>(900, 1.0), 300) == 2.0);
  CHECK(tau(std::vector<double>(300, 1.0), 300) == 0.0);
  CHECK(tau({}, 3) == 0.0);
  CHECK(tau({0.0, 0.0}, 3, 0.25) == 0.25);
  CHECK(tau({1.0, 0.0, 0.0}, 2) == 0.0);
  // ridge / tau + 2 (3 / (3 + tau)) / 2 = 1 has the root of tau^2 = ridge (3 + tau)
  const double ridge = 0.7, root = 0.5 * (ridge + std::sqrt(ridge * ridge + 12.0 * ridge));
  CHECK(tau({3.0, 3.0}, 2, ridge) == testing::Approx(root).epsilon(1e-15));
}

TEST_CASE("fixed_point: full precision where eigenvalues differ by sixteen decades") {
  // 1 / (1 + tau) + e / (e + tau) = 1 has the root sqrt(e).
  for (const double e : {1e-4, 1e-16, 1e-100})
    CHECK(tau({1.0, e}, 1) == testing::Approx(std::sqrt(e)).epsilon(4e-15));
}

TEST_CASE("fixed_point: refuses") {
  CHECK(mentions(refusal([] { tau({1.0, -1.0}, 3); }), "eigenvalues"));
  CHECK(mentions(refusal([] { tau({1.0, kNaN}, 3); }), "index 1"));
  CHECK(mentions(refusal([] { tau({1.0, kInfinity}, 3); }), "eigenvalues"));
  CHECK(mentions(refusal([] { tau({1.0}, 0); }), "n must"));
  CHECK(mentions(refusal([] { tau({1.0}, 1, -0.1); }), "ridge"));
  CHECK(mentions(refusal([] { tau({1.0}, 1, kNaN); }), "ridge"));
}

TEST_CASE("coefficient_law: strided input, features without variance, divergence") {
  const std::vector<double> eigenvalues = {2.0, -9.0, 0.0, -9.0, 2.0, -9.0, 2.0},
                            beta = {1.0, 5.0, -1.0, 0.5};
  const op::ConstVector strided{eigenvalues.data(), 4, 2};
  const auto law = op::coefficient_law(strided, op::vector_view(beta), 0.5, 6, 0.0);
  CHECK(law.mean == std::vector<double>{1.0, 0.0, -1.0, 0.5});
  // noise variance / (n - 3) / lam
  CHECK(law.variance[0] == testing::Approx(0.25 / 3.0 / 2.0).epsilon(1e-14));
  CHECK(law.variance[1] == 0.0);
  const auto diverges = op::coefficient_law(strided, op::vector_view(beta), 0.5, 3, 0.0);
  CHECK(diverges.variance == std::vector<double>{kInfinity, 0.0, kInfinity, kInfinity});
  const auto exact = op::coefficient_law(strided, op::vector_view(beta), 0.0, 3, 0.0);
  CHECK(exact.variance == std::vector<double>(4, 0.0));
}

TEST_CASE("predict: the demo problem") {
  const op::Grid grid{{150, 1000, 1500}, {150}, {Rule::magnitude, Rule::hessian, Rule::oracle}};
  const auto risk = demo().predict(450, grid);
  CHECK(risk["dense_risk"][0] == testing::Approx(1.485).epsilon(1e-13));
  CHECK(risk["dense_risk"][2] == testing::Approx(1.1334520663960304).epsilon(1e-13));
  CHECK(risk["pruned_risk"][2] == testing::Approx(2.474).epsilon(2e-4));
  CHECK(risk["pruned_risk"][5] == testing::Approx(1.344).epsilon(2e-4));
  CHECK(risk["retrained_risk"][2] == testing::Approx(3.196).epsilon(2e-4));
  CHECK(risk["retrained_risk"][4] == testing::Approx(1.853).epsilon(2e-4));
  CHECK(risk["retrained_risk"][5] == testing::Approx(1.644).epsilon(2e-4));
  for (const std::size_t oracle : {6, 7, 8})
    CHECK(risk["retrained_risk"][oracle] == testing::Approx(1.485).epsilon(1e-13));
}

TEST_CASE("predict: points of the grid") {
  op::Grid grid{{100, 450, 900}, {100, 450, 900}, {Rule::hessian, Rule::random}};
  const auto risk = demo().predict(450, grid);
  for (std::size_t r = 0; r < 2; ++r)
    for (std::size_t k = 0; k < 3; ++k)
      for (std::size_t s = 0; s < 3; ++s) {
        const std::size_t at = (r * 3 + k) * 3 + s;
        CHECK(std::isnan(risk["pruned_risk"][at]) == (s > k));
        CHECK(std::isnan(risk["retrained_risk"][at]) == (s > k));
        if (s == k) {
          CHECK(risk["pruned_risk"][at] == risk["dense_risk"][k]);
          CHECK(risk["retrained_risk"][at] == risk["dense_risk"][k]);
        }
      }
  CHECK(risk["dense_risk"][1] == kInfinity);
  CHECK(risk["pruned_risk"][3] == kInfinity);       // k = n
  CHECK(std::isfinite(risk["retrained_risk"][3]));  // retraining forgets it
  CHECK(risk["retrained_risk"][7] == kInfinity);    // s = n
  grid.retrain = false;
  const auto without = demo().predict(450, grid);
  CHECK(!without.contains("retrained_risk"));
  CHECK(without["pruned_risk"][0] == risk["pruned_risk"][0]);
}

TEST_CASE("predict: distinct atoms and grouped ones agree") {
  // The same problem with eigenvalues perturbed in the last digits has 300 atoms instead of 2.
  Problem grouped{std::vector<double>(300, 1.0), std::vector<double>(300, 0.1), 0.3},
      apart = grouped;
  for (int i = 0; i < 100; ++i) grouped.eigenvalues[i] = apart.eigenvalues[i] = 4.0;
  for (int i = 0; i < 300; ++i) apart.eigenvalues[i] *= 1.0 + 1e-15 * i;
  op::Grid grid{{300}, {1, 60, 150, 299}, {Rule::magnitude, Rule::hessian}};
  grid.retrain_ridge = 0.2;
  const auto a = grouped.predict(120, grid), b = apart.predict(120, grid);
  for (std::size_t i = 0; i < a["pruned_risk"].size(); ++i) {
    CHECK(a["pruned_risk"][i] == testing::Approx(b["pruned_risk"][i]).epsilon(1e-11));
    CHECK(a["retrained_risk"][i] == testing::Approx(b["retrained_risk"][i]).epsilon(1e-11));
  }
}

TEST_CASE("predict: an exception from poll ends the call") {
  struct Stop {};
  int calls = 0;
  const auto poll = [&] {
    if (++calls == 3) throw Stop();
  };
  CHECK_THROWS_AS(demo().predict(450, {{500, 1000}, {10, 20}, {Rule::random}}, poll), Stop);
  CHECK(calls == 3);
}

TEST_CASE("predict: refuses") {
  const op::Grid good{{2, 5}, {1}, {Rule::magnitude}};
  const auto with = [&](auto change) {
    op::Grid grid = good;
    change(grid);
    return refusal([&] { demo().predict(10, grid); });
  };
  CHECK(with([](op::Grid&) {}).empty());
  CHECK(mentions(with([](op::Grid& grid) { grid.sizes = {5, 2}; }), "sizes"));
  CHECK(mentions(with([](op::Grid& grid) { grid.sizes = {1501}; }), "sizes"));
  CHECK(mentions(with([](op::Grid& grid) { grid.nonzeros = {0}; }), "nonzeros"));
  CHECK(mentions(with([](op::Grid& grid) { grid.rules.clear(); }), "rules"));
  CHECK(mentions(with([](op::Grid& grid) { grid.ridge = -1.0; }), "ridge"));
  CHECK(mentions(with([](op::Grid& grid) { grid.retrain_ridge = kNaN; }), "retrain_ridge"));
  CHECK(mentions(refusal([&] { demo().predict(0, good); }), "n must"));
  Problem bad = demo();
  bad.noise_std = -1.0;
  CHECK(mentions(refusal([&] { bad.predict(10, good); }), "noise_std"));
  bad = demo();
  bad.beta.pop_back();
  CHECK(mentions(refusal([&] { bad.predict(10, good); }), "beta"));
  bad = demo();
  bad.beta[7] = kNaN;
  CHECK(mentions(refusal([&] { bad.predict(10, good); }), "index 7"));
}
