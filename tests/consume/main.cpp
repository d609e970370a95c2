// Simulates and predicts a small isotropic problem and prints both risks; exits with 1 where they
// disagree.
#include <cmath>
#include <cstdio>
#include <overprune/overprune.hpp>
#include <vector>

int main() {
  using namespace overprune;
  const Index p = 200, n = 100, trials = 50;
  const std::vector<double> beta(p, 1.0 / std::sqrt(200.0)), variances(p, 1.0);
  const LinearGaussianProblem problem(column_major(beta.data(), p, 1), vector_view(variances), 0.5);
  Grid grid;
  grid.sizes = {200};
  grid.nonzeros = {40};
  grid.rules = {Rule::magnitude};
  const RiskTable measured = simulate(problem, grid, {n, 0, trials, 1, 2, false});
  double mean = 0.0;
  for (const double risk : measured["retrained_risk"]) mean += risk / trials;
  const RiskTable predicted = predict(vector_view(variances), vector_view(beta), 0.5, n, grid);
  const double expected = predicted["retrained_risk"][0];
  std::printf("overprune %s (%s): retrained risk simulated %.4f, predicted %.4f\n",
              build_info().version.c_str(), build_info().kernel_level.c_str(), mean, expected);
  return std::abs(mean / expected - 1.0) < 0.1 ? 0 : 1;
}
