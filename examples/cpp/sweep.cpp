// The test risk over the size of the model, simulated and predicted; ../sweep.py prints the same
// numbers.
#include <cmath>
#include <cstdio>
#include <overprune/overprune.hpp>
#include <vector>

int main() {
  using namespace overprune;
  const Index p = 300, n = 90, trials = 20;
  const double noise_std = 0.3;
  // 30 strong features in front of 270 weak ones.
  const std::vector<double> beta(p, 1.0 / std::sqrt(double(p)));
  std::vector<double> variances(p, 1.0);
  for (Index i = 0; i < 30; ++i) variances[i] = 25.0;
  const LinearGaussianProblem problem(column_major(beta.data(), p, 1), vector_view(variances),
                                      noise_std);

  Grid grid;
  grid.sizes = {30, 60, 85, 120, 200, 300};
  grid.nonzeros = {30};
  grid.rules = {Rule::magnitude, Rule::hessian};
  const RiskTable measured =
      simulate(problem, grid, {.n = n, .count = trials, .seed = 1, .workers = 2});
  const RiskTable predicted =
      predict(vector_view(variances), vector_view(beta), noise_std, n, grid);

  const Index sizes = Index(grid.sizes.size()), rules = Index(grid.rules.size());
  std::printf("rule       size  dense  pruned  predicted  retrained  predicted\n");
  for (Index r = 0; r < rules; ++r)
    for (Index k = 0; k < sizes; ++k) {
      double dense = 0.0, pruned = 0.0, retrained = 0.0;
      for (Index t = 0; t < trials;
           ++t) {  // one number of nonzeros: arrays are (trials, rules, sizes)
        dense += measured["dense_risk"][t * sizes + k] / trials;
        pruned += measured["pruned_risk"][(t * rules + r) * sizes + k] / trials;
        retrained += measured["retrained_risk"][(t * rules + r) * sizes + k] / trials;
      }
      std::printf("%-9s  %4td  %.6f  %.6f  %.6f  %.6f  %.6f\n", name_of(grid.rules[r]),
                  grid.sizes[k], dense, pruned, predicted["pruned_risk"][r * sizes + k], retrained,
                  predicted["retrained_risk"][r * sizes + k]);
    }
}
