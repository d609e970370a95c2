// A pruned regression inside a program that uses Eigen; ../pruned_regression.py prints the same
// numbers.
#include <Eigen/Dense>
#include <cstdio>
#include <overprune/eigen.hpp>

namespace {

/// The program's own data: noisy responses to ten of the p columns.
struct Data {
  Eigen::MatrixXd x;
  Eigen::VectorXd y;
};

Data measure(overprune::Index n, overprune::Index p, std::uint64_t stream) {
  Data data{overprune::standard_normal({.seed = 3, .stream = stream}, n, p), {}};
  data.y = data.x.leftCols(10).rowwise().sum() +
           0.5 * overprune::standard_normal({.seed = 3, .stream = stream + 1}, n);
  return data;
}

double error(const Data& data, const Eigen::VectorXd& theta) {
  return (data.y - data.x * theta).squaredNorm() / double(data.y.size());
}

}  // namespace

int main() {
  using overprune::Rule;
  const Data train = measure(80, 200, 0), test = measure(1000, 200, 2);

  // Every step takes Eigen's matrices and expressions, and gives Eigen's vectors back.
  const Eigen::VectorXd dense =
      overprune::least_squares(train.x, train.y);  // the minimum-norm interpolator
  const Eigen::VectorXd curvature = train.x.colwise().squaredNorm() / 80.0;
  const overprune::Indices support =
      overprune::top_k(overprune::importance(Rule::hessian, dense, curvature), 20);
  const Eigen::VectorXd pruned = overprune::prune(dense, support);
  const Eigen::VectorXd retrained = overprune::retrain_path(train.x, train.y, support, {20});
  std::printf("of the dense model      %.6f\n", error(test, dense));
  std::printf("pruned to 20            %.6f\n", error(test, pruned));
  std::printf("retrained               %.6f\n", error(test, retrained));

  // The whole grid at once, with all factors shared; by blocks, as any expression.
  overprune::Grid grid;
  grid.sizes = {50, 100, 200};
  grid.nonzeros = {10, 20};
  grid.rules = {Rule::magnitude, Rule::hessian};
  const overprune::PrunePath path =
      overprune::prune_path(train.x.topRows(60), train.y.head(60), grid);
  for (const Rule rule : grid.rules)
    for (const overprune::Index size : grid.sizes)
      for (const overprune::Index s : grid.nonzeros)
        std::printf("%-9s %4td to %2td      %.6f\n", overprune::name_of(rule), size, s,
                    error(test, path.retrained(rule, size, s)));
}
