// Linear classifiers: the conditions of their optimality, and input that is refused.
#include "overprune/classifier.hpp"

#include <cmath>

#include "overprune/classification.hpp"
#include "overprune/simulate.hpp"
#include "reference.hpp"
#include "testing.hpp"

using namespace overprune;
using namespace reference;

namespace {

/// The largest entry of the gradient of the mean loss with a ridge on the first k columns.
double gradient(const Values& x, const Values& y, Index n, Index k, double ridge,
                const double* theta) {
  Values slope(n, 0.0);
  for (Index i = 0; i < n; ++i) {
    double z = 0.0;
    for (Index j = 0; j < k; ++j) z += x[j * n + i] * theta[j];
    slope[i] = -y[i] / (1.0 + std::exp(y[i] * z));
  }
  double largest = 0.0;
  for (Index j = 0; j < k; ++j) {
    double sum = ridge * theta[j];
    for (Index i = 0; i < n; ++i) sum += x[j * n + i] * slope[i] / static_cast<double>(n);
    largest = std::max(largest, std::abs(sum));
  }
  return largest;
}

Values labels_of(const Values& numbers) {
  Values labels;
  for (const double number : numbers) labels.push_back(number < 0.0 ? -1.0 : 1.0);
  return labels;
}

}  // namespace

TEST_CASE("logistic models have no gradient, hinge models no gap") {
  const Index n = 30, p = 70;
  const Values x = normals(n * p, 1), y = labels_of(normals(n, 2));
  const Indices sizes{1, 12, 18, 29, 30, 31, 70};
  for (const double ridge : {1e-6, 1e-2, 1.0, 1e3}) {
    Values theta(sizes.size() * p);
    ClassifierInfo info;
    const auto fit = [&](const Loss& loss) {
      classifier_path(column_major(x.data(), n, p), column_major(y.data(), n, 1), sizes, loss,
                      ridge, theta.data(), &info);
    };
    fit(NamedLoss::logistic);
    for (std::size_t i = 0; i < sizes.size(); ++i)
      CHECK(gradient(x, y, n, sizes[i], ridge, theta.data() + i * p) < 1e-11);
    fit(NamedLoss::hinge);
    for (const double gap : info.gap) CHECK(std::abs(gap) < 1e-10);
  }
}

TEST_CASE("hinge models of many rows settle in few steps, alike columns or not") {
  Index factors = 0, fits = 0;
  for (const Index n : {150, 600})
    for (const double ratio : {0.7, 1.05, 1.5})
      for (const double common : {0.0, 10.0})
        for (const double ridge : {1e-4, 2e-3, 0.3}) {
          const Index k = static_cast<Index>(static_cast<double>(n) * ratio);
          const std::uint64_t seed = static_cast<std::uint64_t>(n + k);
          Values x = normals(n * k, seed), theta(k), score(n, 0.0);
          const Values part = normals(n, seed + 1), noise = normals(n, seed + 2);
          for (Index j = 0; j < k; ++j)
            for (Index i = 0; i < n; ++i) {
              x[j * n + i] += common * part[i];
              score[i] += x[j * n + i] * (j % 2 == 0 ? 1.0 : -1.0) / std::sqrt(k);
            }
          for (Index i = 0; i < n; ++i) score[i] += 0.3 * noise[i];
          const Values y = labels_of(score);
          ClassifierInfo info;
          classifier_path(column_major(x.data(), n, k), column_major(y.data(), n, 1), {k},
                          NamedLoss::hinge, ridge, theta.data(), &info);
          INFO("n " << n << ", k " << k << ", common " << common << ", ridge " << ridge);
          CHECK(std::abs(info.gap[0]) < 1e-9);
          CHECK(info.factors[0] < 600);
          factors += info.factors[0];
          ++fits;
        }
  CHECK(factors < 100 * fits);
}

TEST_CASE("classifiers refuse what has no minimiser, and other labels") {
  const Index n = 20, p = 40;
  const Values x = normals(n * p, 1);
  Values y = labels_of(normals(n, 2)), theta(p);
  const auto fit = [&](const Loss& loss, double ridge) {
    classifier_path(column_major(x.data(), n, p), column_major(y.data(), n, 1), {p}, loss, ridge,
                    theta.data());
  };
  CHECK_THROWS_AS(fit(NamedLoss::logistic, 0.0), std::invalid_argument);
  CHECK_THROWS_AS(fit(NamedLoss::hinge, 0.0), std::invalid_argument);
  CHECK_THROWS_AS(fit(NamedLoss::logistic, -1.0), std::invalid_argument);
  fit(NamedLoss::logistic, 0.1);
  y[3] = 0.0;
  CHECK_THROWS_AS(fit(NamedLoss::logistic, 0.1), std::invalid_argument);
  fit(NamedLoss::square, 0.1);
}

TEST_CASE("errors of simulated classifiers do not depend on workers or blocks") {
  const Values beta = normals(60, 1), variances(60, 1.0);
  const LinearClassificationProblem problem(vector_view(beta), vector_view(variances), 0.3);
  for (const NamedLoss loss : {NamedLoss::logistic, NamedLoss::hinge}) {
    Grid grid{.sizes = {10, 35, 60}, .nonzeros = {5, 40}, .rules = {Rule::magnitude}};
    grid.ridge = grid.retrain_ridge = 0.1;
    grid.loss = loss;
    const RiskTable all = simulate(problem, grid, {.n = 30, .count = 4, .workers = 2}),
                    one = simulate(problem, grid, {.n = 30, .count = 2}),
                    rest = simulate(problem, grid, {.n = 30, .first = 2, .count = 2});
    const RiskTable joined = join({one, rest});
    CHECK(all["dense_error"] == joined["dense_error"]);
    CHECK(all["retrained_error"].size() == 4 * 3 * 2);
    for (std::size_t i = 0; i < all["retrained_error"].size(); ++i) {
      const double error = all["retrained_error"][i], again = joined["retrained_error"][i];
      CHECK((error == again || (std::isnan(error) && std::isnan(again))));
    }
  }
}
