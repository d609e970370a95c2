// Compiled with flags of its own (tests/cpp/CMakeLists.txt): the adapters depend on none.
#include "overprune/eigen.hpp"

#include <Eigen/Core>
#include <stdexcept>

#include "reference.hpp"
#include "testing.hpp"

using namespace overprune;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using ColMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::ColMajor>;

namespace {

MatrixXd normals(Index rows, Index cols, std::uint64_t stream) {
  return standard_normal({7, stream}, rows, cols);
}

/// The minimum-norm solution for x of full rank. Eigen's own decompositions would take longer to
/// compile than all other tests.
MatrixXd oracle(const MatrixXd& x, const MatrixXd& y, double ridge = 0.0) {
  const auto values = [](const ColMajor& a) {
    return reference::Values(a.data(), a.data() + a.size());
  };
  const auto theta =
      reference::minimum_norm(values(x), values(y), x.rows(), x.cols(), y.cols(), ridge);
  return Eigen::Map<const ColMajor>(theta.data(), x.cols(), y.cols());
}

template <class A, class B>
bool close(const A& a, const B& b, double tolerance = 1e-10) {
  return a.rows() == b.rows() && a.cols() == b.cols() &&
         (a - b).template lpNorm<Eigen::Infinity>() <= tolerance;
}

// What does not compile.
template <class X, class Y>
concept Trains = requires(const X& x, const Y& y) { least_squares(x, y); };
template <class T>
concept Viewed = requires(T&& values) { matrix_view(static_cast<T&&>(values)); };

static_assert(Trains<MatrixXd, VectorXd> && Trains<RowMajor, MatrixXd>);
static_assert(Trains<Eigen::Map<const RowMajor>, Eigen::Ref<const VectorXd>>);
static_assert(!Trains<Eigen::MatrixXf, VectorXd> && !Trains<MatrixXd, Eigen::VectorXf>);
static_assert(!Trains<Eigen::MatrixXcd, VectorXd> && !Trains<MatrixXd, std::vector<double>>);
static_assert(Viewed<MatrixXd&> && Viewed<const VectorXd&> && Viewed<Eigen::Map<MatrixXd>>);
static_assert(!Viewed<MatrixXd> && !Viewed<Eigen::Ref<const MatrixXd>>);
static_assert(!Viewed<decltype(std::declval<MatrixXd&>() + std::declval<MatrixXd&>())>);

}  // namespace

TEST_CASE("eigen: least squares is the reference's, tall, wide and square") {
  for (const auto& [n, p] : {std::pair<Index, Index>{30, 12}, {12, 30}, {15, 14}}) {
    const MatrixXd x = normals(n, p, 1), targets = normals(n, 3, 2);
    const VectorXd y = targets.col(0);
    SolveInfo info;
    const VectorXd theta = least_squares(x, y, 0.0, &info);
    CHECK(close(theta, oracle(x, y)));
    CHECK(info.rank[0] == std::min(n, p));
    CHECK(close(least_squares(x, targets), oracle(x, targets)));
    const double ridge = 0.3;
    CHECK(close(least_squares(x, targets, ridge), oracle(x, targets, ridge)));
  }
}

TEST_CASE("eigen: a matrix is read wherever it lies") {
  const MatrixXd x = normals(20, 9, 1), y = normals(20, 2, 2);
  const MatrixXd expected = oracle(x, y);
  const RowMajor rows = x;
  const ColMajor columns = x;
  CHECK(close(least_squares(rows, y), expected));
  CHECK(close(least_squares(columns, y), expected));
  MatrixXd large = MatrixXd::Constant(50, 40, 1e300);
  large.block(7, 5, 20, 9) = x;
  CHECK(close(least_squares(large.block(7, 5, 20, 9), y), expected));
  CHECK(close(least_squares(large.middleRows(7, 20).middleCols(5, 9), y), expected));
  const MatrixXd turned = x.transpose();
  CHECK(close(least_squares(turned.transpose(), y), expected));
  // Every third number of each second row.
  std::vector<double> memory(20 * 2 * 9 * 3, 1e300);
  using Stride = Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>;
  Eigen::Map<RowMajor, Eigen::Unaligned, Stride> strided(memory.data(), 20, 9,
                                                         Stride(2 * 9 * 3, 3));
  strided = x;
  CHECK(matrix_view(strided).data == memory.data());
  CHECK(close(least_squares(strided, y), expected));
  const Eigen::Ref<const MatrixXd, 0, Stride> ref(large.block(7, 5, 20, 9));
  CHECK(close(least_squares(ref, y.col(1)), expected.col(1)));
  const Eigen::Matrix<double, 20, 9> fixed = x;
  CHECK(close(least_squares(fixed, y), expected));
  const Eigen::ArrayXXd array = x.array();
  CHECK(close(least_squares(array, y), expected));
}

TEST_CASE("eigen: expressions are evaluated, floats by a cast") {
  const MatrixXd x = normals(20, 9, 1), y = normals(20, 1, 2), shift = normals(20, 9, 3);
  CHECK(close(least_squares(2.0 * (x - shift), y * 3.0), oracle(2.0 * (x - shift), 3.0 * y)));
  CHECK(close(least_squares(x.colwise().reverse(), y), oracle(x.colwise().reverse(), y)));
  // (x x')^+ = (x')^+ x^+, where x has full rank.
  CHECK(close(least_squares(x * x.transpose(), y), oracle(x.transpose(), oracle(x, y)), 1e-8));
  const Eigen::MatrixXf narrow = x.cast<float>();
  CHECK(close(least_squares(narrow.cast<double>(), y), oracle(narrow.cast<double>(), y)));
}

TEST_CASE("eigen: the paths solve each size on its own") {
  const MatrixXd x = normals(25, 40, 1), y = normals(25, 3, 2);
  const Indices sizes = {4, 20, 33}, order = top_k_order(x.row(0), 30), nonzeros = {3, 11, 24};
  SolveInfo info;
  const MatrixXd path = least_squares_path(x, y, sizes, 0.0, &info);
  const MatrixXd single = least_squares_path(x, y.col(2), sizes);
  const MatrixXd again = retrain_path(x, y, order, nonzeros);
  REQUIRE(path.cols() == 9);
  CHECK(info.rank == Indices{4, 20, 25});
  for (int i = 0; i < 3; ++i) {
    MatrixXd expected = MatrixXd::Zero(40, 3), retrained = MatrixXd::Zero(40, 3);
    expected.topRows(sizes[i]) = oracle(x.leftCols(sizes[i]), y);
    CHECK(close(path.middleCols(3 * i, 3), expected, 1e-8));
    CHECK(close(single.col(i), expected.col(2), 1e-8));
    MatrixXd kept(25, nonzeros[i]);
    for (Index j = 0; j < nonzeros[i]; ++j) kept.col(j) = x.col(order[j]);
    const MatrixXd theta = oracle(kept, y);
    for (Index j = 0; j < nonzeros[i]; ++j) retrained.row(order[j]) = theta.row(j);
    CHECK(close(again.middleCols(3 * i, 3), retrained, 1e-8));
  }
}

TEST_CASE("eigen: prune_path is the single steps") {
  const MatrixXd x = normals(30, 45, 1), y = normals(30, 2, 2);
  const VectorXd curvature = normals(45, 1, 3).cwiseAbs();
  Grid grid;
  grid.sizes = {20, 45};
  grid.nonzeros = {5, 12, 25};
  grid.rules = {Rule::hessian, Rule::magnitude};
  RuleInputs inputs;
  inputs.curvature = vector_view(curvature);
  const PrunePath found = prune_path(x, y, grid, inputs);
  for (const Rule rule : grid.rules)
    for (const Index size : grid.sizes)
      for (const Index s : grid.nonzeros) {
        if (s > size) continue;
        MatrixXd dense = MatrixXd::Zero(45, 2);
        dense.topRows(size) = least_squares(x.leftCols(size), y);
        CHECK(close(found.dense(size), dense));
        const Indices support =
            top_k(importance(rule, dense.topRows(size), curvature.head(size)), s);
        CHECK(found.support(rule, size, s) == support);
        CHECK(close(found.pruned(rule, size, s), prune(dense, support)));
        CHECK(close(found.retrained(rule, size, s), retrain_path(x, y, support, {s}), 1e-8));
      }
  CHECK(found.result().info.rank == Indices{20, 30});
  CHECK_THROWS_WITH_AS(found.dense(21), "size 21 is not in the grid", std::invalid_argument);
  CHECK_THROWS_WITH_AS(found.pruned(Rule::oracle, 20, 5), "rule 'oracle' is not in the grid",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(found.support(Rule::hessian, 20, 25),
                       "nonzeros must be at most the size 20, got 25", std::invalid_argument);
  grid.retrain = false;
  CHECK_THROWS_AS(prune_path(x, y, grid, inputs).retrained(Rule::hessian, 20, 5),
                  std::invalid_argument);
}

TEST_CASE("eigen: scores, selection, pruning and compensation") {
  const MatrixXd theta = normals(10, 2, 1), x = normals(30, 10, 2);
  CHECK(close(importance(Rule::magnitude, theta), theta.rowwise().norm()));
  const VectorXd curvature = VectorXd::LinSpaced(10, 1.0, 2.0);
  const Eigen::RowVectorXd row = curvature.transpose();
  const VectorXd scores = importance(Rule::hessian, theta, curvature);
  CHECK(close(scores, theta.rowwise().squaredNorm().cwiseProduct(curvature)));
  CHECK(close(importance(Rule::hessian, theta, row), scores));
  CHECK(top_k(scores, 4) == top_k(vector_view(scores), 4));
  CHECK(top_k_order(-scores, 10).back() == top_k(scores, 1).front());
  CHECK(top_k_magnitude(theta.row(3), 1).size() == 1);
  CHECK(top_k_magnitude(theta.col(1), 3) == top_k(theta.col(1).cwiseAbs(), 3));
  const Indices support = {1, 4, 9};
  const VectorXd pruned = prune(theta.col(0), support);
  CHECK(pruned(4) == theta(4, 0));
  CHECK(pruned.cwiseAbs().sum() ==
        testing::Approx(std::abs(theta(1, 0)) + std::abs(theta(4, 0)) + std::abs(theta(9, 0))));
  // With H = X'X and theta trained on X, compensating is training on the support.
  const VectorXd y = normals(30, 1, 3);
  const VectorXd made_up = compensate(least_squares(x, y), support, x.transpose() * x);
  CHECK(close(made_up, retrain_path(x, y, support, {3})));
}

TEST_CASE("eigen: random features and numbers") {
  const MatrixXd inputs = normals(6, 4, 1), weights = normals(9, 4, 2);
  const VectorXd bias = normals(9, 1, 3);
  const MatrixXd z = inputs * weights.transpose();
  CHECK(close(random_features(inputs, weights), z.cwiseMax(0.0)));
  CHECK(close(random_features(inputs, RowMajor(weights), Activation::tanh, bias),
              (z.rowwise() + bias.transpose()).array().tanh().matrix()));
  std::vector<double> numbers(6 * 4);
  standard_normal({7, 1}, 0, 24, numbers.data());
  CHECK(inputs == eigen_map(row_major(numbers.data(), 6, 4)));
  CHECK(normals(0, 3, 1).rows() == 0);
}

TEST_CASE("eigen: problems") {
  const VectorXd beta = normals(8, 1, 1), variances = VectorXd::LinSpaced(8, 0.5, 2.0);
  const LinearGaussianProblem diagonal = linear_gaussian_problem(beta, variances, 0.5);
  const LinearGaussianProblem dense = linear_gaussian_problem(
      beta, MatrixXd(variances.asDiagonal()), MatrixXd::Constant(1, 1, 0.25));
  const MatrixXd theta = normals(8, 3, 2);
  VectorXd expected(3);
  for (int b = 0; b < 3; ++b)
    expected(b) = 0.25 + (theta.col(b) - beta).cwiseAbs2().cwiseProduct(variances).sum();
  CHECK(close(risk(diagonal, theta), expected));
  CHECK(close(risk(dense, theta), expected));
  CHECK(close(eigen_map(diagonal.beta()), beta));
  CHECK(close(eigen_map(dense.covariance()), MatrixXd(variances.asDiagonal())));
  const EigenSample drawn = sample(diagonal, 12, 5);
  CHECK(drawn.x.rows() == 12);
  CHECK(drawn.x.cols() == 8);
  // Noise of standard deviation 0.5.
  CHECK((drawn.y - drawn.x * beta).norm() < 0.5 * 3 * std::sqrt(12.0));
  CHECK(drawn.x == sample(diagonal, 12, 5).x);
  CHECK(drawn.x != sample(diagonal, 12, 5, 1).x);
}

TEST_CASE("eigen: tables of simulate and predict") {
  const LinearGaussianProblem problem =
      linear_gaussian_problem(VectorXd::Ones(12), VectorXd::Ones(12), 0.1);
  Grid grid;
  grid.sizes = {5, 12};
  grid.nonzeros = {2, 4, 5};
  grid.rules = {Rule::magnitude, Rule::random};
  const RiskTable measured = simulate(problem, grid, {.n = 8, .count = 4});
  const RiskTable predicted = predict(problem, 8, grid, {});
  const EigenTable dense = trial_table(measured["dense_risk"], grid);
  CHECK(dense.rows() == 4);
  CHECK(dense(3, 1) == measured["dense_risk"][7]);
  const EigenTable table = trial_table(measured["pruned_risk"], grid, Rule::random, 12);
  CHECK(table.rows() == 4);
  CHECK(table.cols() == 3);
  CHECK(table(2, 1) == measured["pruned_risk"][((2 * 2 + 1) * 2 + 1) * 3 + 1]);
  CHECK(predicted_table(predicted["retrained_risk"], grid, Rule::random)(1, 2) ==
        predicted["retrained_risk"][(2 + 1) * 3 + 2]);
  CHECK_THROWS_AS(predicted_table(predicted["dense_risk"], grid, Rule::random),
                  std::invalid_argument);
  CHECK_THROWS_AS(trial_table(measured["pruned_risk"], grid, Rule::random, 6),
                  std::invalid_argument);
}

TEST_CASE("eigen: bad shapes are refused by name") {
  const MatrixXd x = normals(10, 4, 1), y = normals(9, 1, 2), good = normals(10, 1, 2);
  CHECK_THROWS_WITH_AS(least_squares(x, y), testing::Contains("y"), std::invalid_argument);
  CHECK_THROWS_AS(least_squares(x, good, -1.0), std::invalid_argument);
  CHECK_THROWS_AS(least_squares(MatrixXd(0, 4), MatrixXd(0, 1)), std::invalid_argument);
  CHECK_THROWS_AS(least_squares(x, good * std::numeric_limits<double>::quiet_NaN()),
                  std::invalid_argument);
  CHECK_THROWS_AS(least_squares_path(x, good, {3, 5}), std::invalid_argument);
  CHECK_THROWS_AS(retrain_path(x, good, {0, 4}, {1, 2}), std::invalid_argument);
  CHECK_THROWS_WITH_AS(top_k(x, 2), "scores must be a vector, got shape (10, 4)",
                       std::invalid_argument);
  CHECK_THROWS_AS(vector_view(x), std::invalid_argument);
  CHECK_THROWS_AS(importance(Rule::hessian, x, y), std::invalid_argument);
  CHECK_THROWS_AS(prune(x, {10}), std::invalid_argument);
  CHECK_THROWS_AS(compensate(x, {1}, y), std::invalid_argument);
  CHECK_THROWS_AS(random_features(x, normals(3, 5, 1)), std::invalid_argument);
  CHECK_THROWS_AS(standard_normal({1}, -1, 2), std::invalid_argument);
  CHECK_THROWS_AS(linear_gaussian_problem(good, VectorXd::Ones(4), 0.1), std::invalid_argument);
  const LinearGaussianProblem problem = linear_gaussian_problem(good, VectorXd::Ones(10), 0.1);
  CHECK_THROWS_AS(risk(problem, x.topRows(4)), std::invalid_argument);
  CHECK_THROWS_AS(sample(problem, 0, 1), std::invalid_argument);
  CHECK_THROWS_AS(eigen_map({nullptr, 1, 1, -1, 1}), std::invalid_argument);
}
