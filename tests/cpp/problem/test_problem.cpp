#include "overprune/problem.hpp"

#include <new>
#include <stdexcept>

#include "overprune/least_squares.hpp"
#include "reference.hpp"
#include "testing.hpp"

using namespace overprune;
using namespace reference;

namespace {

/// Sigma_ij = rho^|i - j|.
Values autoregressive(Index p, double rho) {
  Values sigma(p * p);
  for (Index j = 0; j < p; ++j)
    for (Index i = 0; i < p; ++i) sigma[j * p + i] = std::pow(rho, std::abs(i - j));
  return sigma;
}

LinearGaussianProblem dense_problem(const Values& beta, const Values& sigma, double noise_std) {
  const Index p = static_cast<Index>(beta.size());
  return {column_major(beta.data(), p, 1), column_major(sigma.data(), p, p), noise_std};
}

}  // namespace

TEST_CASE(
    "risk: diagonal and dense agree with the quadratic form, for several models and targets") {
  const Index p = 8, m = 2, models = 3;
  const Values beta = normals(p * m, 1), theta = normals(p * m * models, 2), variances(p, 2.0);
  Values sigma(p * p, 0.0);
  for (Index i = 0; i < p; ++i) sigma[i * p + i] = 2.0;
  const LinearGaussianProblem diagonal(column_major(beta.data(), p, m), vector_view(variances),
                                       0.5);
  const LinearGaussianProblem dense(column_major(beta.data(), p, m),
                                    column_major(sigma.data(), p, p), 0.5);
  Values a(models), b(models);
  diagonal.risk(column_major(theta.data(), p, m * models), vector_view(a));
  dense.risk(column_major(theta.data(), p, m * models), vector_view(b));
  for (Index k = 0; k < models; ++k) {
    double expected = m * 0.25;
    for (Index i = 0; i < p * m; ++i) expected += 2.0 * std::pow(theta[k * p * m + i] - beta[i], 2);
    CHECK(a[k] == testing::Approx(expected));
    CHECK(b[k] == testing::Approx(expected));
  }
  CHECK(diagonal.null_risk() == testing::Approx(dense.null_risk()));
}

TEST_CASE("samples have the covariance asked for") {
  const Index p = 4, n = 200000;
  const Values beta(p, 0.5), sigma = autoregressive(p, 0.6);
  const LinearGaussianProblem problem = dense_problem(beta, sigma, 0.3);
  Values x(n * p), y(n);
  problem.sample(n, 1, 0, column_major(x.data(), n, p), {y.data(), n, 1, 1, n});
  const Values gram = product(transpose(x, n, p), x, p, n, p);
  for (Index i = 0; i < p * p; ++i) CHECK(gram[i] / n == testing::Approx(sigma[i]).epsilon(0.02));
  const Values fit = product(x, beta, n, p, 1);
  double noise = 0.0;
  for (Index i = 0; i < n; ++i) noise += (y[i] - fit[i]) * (y[i] - fit[i]);
  CHECK(noise / n == testing::Approx(0.09).epsilon(0.02));
}

TEST_CASE("restriction: beta_D and the noise it leaves, for any subset") {
  const Index p = 6;
  const Values beta = normals(p, 1), sigma = autoregressive(p, 0.5);
  const LinearGaussianProblem problem = dense_problem(beta, sigma, 0.2);
  const Indices features = {4, 0, 3};
  const LinearGaussianProblem part = problem.restrict(features);
  Values block(9), cross(3, 0.0);
  for (Index j = 0; j < 3; ++j) {
    for (Index i = 0; i < 3; ++i) block[j * 3 + i] = sigma[features[j] * p + features[i]];
    for (Index l = 0; l < p; ++l) cross[j] += sigma[l * p + features[j]] * beta[l];
  }
  const Values expected = solve(block, cross, 3, 1);
  double explained = 0.0, total = 0.0;
  const Values image = product(sigma, beta, p, p, 1);
  for (Index i = 0; i < 3; ++i) {
    CHECK(part.beta()(i, 0) == testing::Approx(expected[i]));
    explained += expected[i] * cross[i];
  }
  for (Index i = 0; i < p; ++i) total += beta[i] * image[i];
  CHECK(part.noise_std() == testing::Approx(std::sqrt(0.04 + total - explained)));
  CHECK(part.null_risk() == testing::Approx(problem.null_risk()));
}

TEST_CASE("noise of several targets: given as a covariance, drawn, restricted") {
  const Index p = 5, m = 2, n = 100000;
  const Values beta = normals(p * m, 1), sigma = autoregressive(p, 0.5),
               noise = {2.0, -0.6, -0.6, 0.5};
  const LinearGaussianProblem problem(column_major(beta.data(), p, m),
                                      column_major(sigma.data(), p, p),
                                      column_major(noise.data(), m, m));
  CHECK(problem.noise_floor() == testing::Approx(2.5));
  CHECK(problem.noise_std() == testing::Approx(std::sqrt(1.25)));
  Values x(n * p), y(n * m);
  problem.sample(n, 1, 0, column_major(x.data(), n, p), column_major(y.data(), n, m));
  const Values fit = product(x, beta, n, p, m);
  for (Index i = 0; i < n * m; ++i) y[i] -= fit[i];
  const Values gram = product(transpose(y, n, m), y, m, n, m);
  for (Index i = 0; i < m * m; ++i) CHECK(gram[i] / n == testing::Approx(noise[i]).epsilon(0.03));
  const LinearGaussianProblem part = problem.restrict({3, 1});
  CHECK(part.null_risk() == testing::Approx(problem.null_risk()));
  for (Index t = 0; t < m; ++t) {  // target by target the one-target restriction
    const LinearGaussianProblem one(column_major(beta.data() + t * p, p, 1),
                                    column_major(sigma.data(), p, p), std::sqrt(noise[t * m + t]));
    const double left = one.restrict({3, 1}).noise_std();
    CHECK(part.noise_covariance()(t, t) == testing::Approx(left * left));
  }
  const Values indefinite = {1.0, 2.0, 2.0, 1.0};
  CHECK_THROWS_WITH_AS(
      LinearGaussianProblem(column_major(beta.data(), p, m), vector_view(Values(p, 1.0)),
                            column_major(indefinite.data(), m, m)),
      "noise_covariance must be positive semidefinite, got an eigenvalue of -1 among its "
      "correlations",
      std::invalid_argument);
}

TEST_CASE("semidefinite covariances are accepted, indefinite ones are not") {
  const Index p = 5, rank = 2;
  const Values root = normals(p * rank, 1),
               sigma = product(root, transpose(root, p, rank), p, rank, p), beta(p, 1.0);
  const LinearGaussianProblem problem = dense_problem(beta, sigma, 0.0);
  const Values f(&problem.factor()(0, 0), &problem.factor()(0, 0) + p * p);
  CHECK(largest_difference(product(f, transpose(f, p, p), p, p, p), sigma) < 1e-10);
  CHECK(problem.restrict({0, 1, 2}).noise_std() <
        1e-6);  // two dimensions: any three features explain all
  Values indefinite = sigma;
  indefinite[0] -= 10.0;
  CHECK_THROWS_AS(dense_problem(beta, indefinite, 0.0), std::invalid_argument);
  Values skew = sigma;
  skew[1] += 1.0;
  CHECK_THROWS_AS(dense_problem(beta, skew, 0.0), std::invalid_argument);
}

TEST_CASE("samples of a singular covariance stay in its range") {
  const Index p = 30, rank = 10, n = 15;
  const Values root = normals(p * rank, 1),
               sigma = product(root, transpose(root, p, rank), p, rank, p), beta(p, 1.0);
  const LinearGaussianProblem problem = dense_problem(beta, sigma, 0.0);
  Values x(n * p), y(n), fit(p);
  problem.sample(n, 1, 0, column_major(x.data(), n, p), {y.data(), n, 1, 1, n});
  SolveInfo info;
  least_squares(column_major(x.data(), n, p), {y.data(), n, 1, 1, n}, 0.0, {fit.data(), p, 1, 1, p},
                &info);
  CHECK(info.rank[0] == rank);
  double risk = 0.0;  // more rows than dimensions and no noise: nothing is left to learn
  problem.risk(column_major(fit.data(), p, 1), {&risk, 1, 1});
  CHECK(risk < 1e-15 * problem.null_risk());
}

TEST_CASE("wrong shapes are named before anything is written") {
  const Values beta(3, 1.0), variances(3, 1.0);
  const LinearGaussianProblem problem(column_major(beta.data(), 3, 1), vector_view(variances), 1.0);
  Values x(12), y(4), theta = {1.0, NAN, 0.0};
  const Matrix design = column_major(x.data(), 4, 3), response = column_major(y.data(), 4, 1);
  CHECK_THROWS_WITH_AS(problem.sample(4, 0, 0, design, column_major(y.data(), 2, 1)),
                       "y (rows) must have length 4, got 2", std::invalid_argument);
  CHECK_THROWS_WITH_AS(problem.sample(4, 0, 0, column_major(x.data(), 3, 3), response),
                       "x (rows) must have length 4, got 3", std::invalid_argument);
  CHECK_THROWS_AS(problem.oracle_scores(4, x.data()), std::invalid_argument);
  double risk = 0.0;
  CHECK_THROWS_AS(problem.risk(column_major(theta.data(), 3, 1), {&risk, 1, 1}),
                  std::invalid_argument);
  CHECK_THROWS_AS(problem.sample(Index{1} << 61, 0, 0, design, response), std::invalid_argument);
  CHECK_THROWS_AS(problem.sampler(Index{1} << 61), std::bad_alloc);
  const DataProblem::Data data{design, response, design, response};
  CHECK_THROWS_AS(DataProblem(data, true, 0, Activation::relu, 0), std::invalid_argument);
  const DataProblem set(data, false, 0, Activation::relu, 0);
  CHECK_THROWS_AS(set.test_features(0, column_major(x.data(), 3, 3)), std::invalid_argument);
}

TEST_CASE("oracle scores are those of the restricted problem") {
  const Index p = 6, k = 3;
  const Values beta = normals(p, 1), sigma = autoregressive(p, 0.5);
  const LinearGaussianProblem problem = dense_problem(beta, sigma, 0.2),
                              part = problem.restrict({0, 1, 2});
  Values scores(k);
  problem.oracle_scores(k, scores.data());
  for (Index i = 0; i < k; ++i) CHECK(scores[i] == testing::Approx(std::abs(part.beta()(i, 0))));
}

void check_equivalent(const ScalarFunction& link) {
  const Index p = 6, d = 3, n = 100000;
  const Values weights = normals(p * d, 1), teacher = normals(d, 2), theta = normals(p, 3);
  const RandomFeatureProblem problem(column_major(weights.data(), p, d), vector_view(teacher), 0.4,
                                     Activation::relu, {}, link);
  const auto source = problem.sampler(n);
  source->draw(1, 0);
  double sum = 0.0, square = 0.0;
  for (Index i = 0; i < n; ++i) {
    double error = source->response()(i, 0);
    for (Index j = 0; j < p; ++j) error -= source->design()(i, j) * theta[j];
    sum += error * error;
    square += error * error * error * error;
  }
  const double mean = sum / n, stderr_ = std::sqrt((square / n - mean * mean) / n);
  double risk = 0.0;
  problem.equivalent().risk(column_major(theta.data(), p, 1), {&risk, 1, 1});
  CHECK(std::abs(mean - risk) < 4.5 * stderr_);
  CHECK(problem.null_risk() == testing::Approx(problem.equivalent().null_risk()));
}

TEST_CASE("the equivalent problem has the random-feature problem's risk: linear teacher") {
  check_equivalent(Activation::identity);
}

TEST_CASE("the equivalent problem has the random-feature problem's risk: labels") {
  check_equivalent(Activation::sign);
}

TEST_CASE("the equivalent problem has the random-feature problem's risk: a link of one's own") {
  check_equivalent(ScalarFunction("link", [](double* z, Index count) {
    for (Index i = 0; i < count; ++i) z[i] *= z[i];
  }));
}

TEST_CASE("a data set: drawn rows are rows of it, without repetition") {
  const Index rows = 12, d = 2, tests = 4;
  Values inputs(rows * d), targets(rows), test_inputs(tests * d, 1.0), test_targets(tests, 2.0);
  for (Index i = 0; i < rows; ++i)
    inputs[i] = targets[i] = static_cast<double>(i), inputs[rows + i] = -inputs[i];
  const DataProblem problem(
      {column_major(inputs.data(), rows, d), column_major(targets.data(), rows, 1),
       column_major(test_inputs.data(), tests, d), column_major(test_targets.data(), tests, 1)},
      false, 0, Activation::relu, 0);
  const auto source = problem.sampler(5);
  source->draw(3, 9);
  std::vector<double> seen;
  for (Index i = 0; i < 5; ++i) {
    CHECK(source->design()(i, 0) == source->response()(i, 0));
    CHECK(source->design()(i, 1) == -source->design()(i, 0));
    seen.push_back(source->design()(i, 0));
  }
  std::sort(seen.begin(), seen.end());
  CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
  const Values theta = {3.0, 0.0};
  double risk = 0.0;
  source->evaluate({nullptr, 2, column_major(theta.data(), 2, 1)}, &risk, nullptr);
  CHECK(risk == testing::Approx(1.0));  // (3 - 2)^2
  CHECK_THROWS_AS(problem.sampler(13), std::invalid_argument);
  double score = 0.0;
  CHECK_THROWS_AS(problem.oracle_scores(1, &score), std::invalid_argument);
}
