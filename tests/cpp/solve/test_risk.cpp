// The exact risk of many models at once, against loops in long double.
#include "overprune/problem.hpp"
#include "reference.hpp"
#include "testing.hpp"

using namespace overprune;
using namespace reference;

namespace {

/// Relative to the excess over the noise floor, so that noise hides no error.
void check_risks(const LinearGaussianProblem& problem, const Indices& support, Index count,
                 const Values& theta, double tolerance = 1e-12) {
  const Index p = problem.features(), m = problem.targets();
  const auto models = static_cast<Index>(theta.size()) / (count * m);
  Values risk(models);
  problem.sampler(1)->evaluate({support.empty() ? nullptr : support.data(), count,
                                column_major(theta.data(), count, models * m)},
                               risk.data(), nullptr);
  for (Index b = 0; b < models; ++b) {
    long double expected = problem.noise_floor();
    for (Index t = 0; t < m; ++t) {
      std::vector<long double> d(p);
      for (Index i = 0; i < p; ++i) d[i] = -problem.beta()(i, t);
      for (Index i = 0; i < count; ++i)
        d[support.empty() ? i : support[i]] += theta[(b * m + t) * count + i];
      for (Index i = 0; i < p; ++i)
        for (Index j = 0; j < p; ++j)
          if (problem.diagonal() ? i == j : true)
            expected += d[i] *
                        (problem.diagonal() ? problem.variances()(i) : problem.covariance()(i, j)) *
                        d[j];
    }
    INFO("model " << b << ", risk " << static_cast<double>(expected));
    CHECK(std::abs(static_cast<double>((risk[b] - expected) / expected)) < tolerance);
  }
}

Values covariance(Index p) {
  const Values a = normals(p * p, 1);
  Values sigma = product(transpose(a, p, p), a, p, p, p);
  for (double& s : sigma) s /= static_cast<double>(p);
  return sigma;
}

Indices spread(Index p, Index count) {
  Indices support(count);
  for (Index i = 0; i < count; ++i) support[i] = (i * 37 + 11) % p;
  return support;
}

}  // namespace

TEST_CASE("risk: dense and diagonal covariance, supports and prefixes, one target and several") {
  const Index p = 300;
  const Values sigma = covariance(p);
  Values variances(p);
  for (Index i = 0; i < p; ++i) variances[i] = 1.0 / static_cast<double>(1 + i);
  for (const double noise : {0.0, 0.5})
    for (const Index m : {Index{1}, Index{3}}) {
      const Values beta = normals(p * m, 2);
      const LinearGaussianProblem dense(column_major(beta.data(), p, m),
                                        column_major(sigma.data(), p, p), noise),
          diagonal(column_major(beta.data(), p, m), vector_view(variances), noise);
      for (const auto* problem : {&dense, &diagonal})
        for (const Index count : {Index{1}, Index{20}, Index{140}, Index{290}, p}) {
          const Values theta = normals(count * m * 5, 3);
          check_risks(*problem, spread(p, count), count, theta);
          check_risks(*problem, {}, count, theta);
        }
    }
}

TEST_CASE("risk of zero-padded models: nested ones, none and all of unlike lengths") {
  const Index p = 300, models = 6;
  const Values sigma = covariance(p), beta = normals(p, 2);
  const LinearGaussianProblem problem(column_major(beta.data(), p, 1),
                                      column_major(sigma.data(), p, p), 0.0);
  for (const Indices& lengths :
       {Indices{0, 1, 90, 128, 129, 200}, Indices{200, 0, 5, 150, 3, 129}, Indices(6, 0)}) {
    Values theta = normals(p * models, 3);
    for (Index b = 0; b < models; ++b)
      std::fill(theta.begin() + b * p + lengths[b], theta.begin() + (b + 1) * p, 0.0);
    check_risks(problem, {}, p, theta);
  }
}

TEST_CASE("risk next to the truth: no digits lost however little is left") {
  const Index p = 200, count = 60;
  const Values sigma = covariance(p);
  const Indices support = spread(p, count);
  for (const double step : {1e-3, 1e-7, 1e-12}) {
    Values beta(p, 0.0), theta(2 * count);
    const Values truth = normals(count, 4), off = normals(2 * count, 5), tail = normals(p, 6);
    for (Index i = 0; i < p; ++i) beta[i] = step * tail[i];
    for (Index i = 0; i < count; ++i) beta[support[i]] = truth[i];
    for (Index i = 0; i < 2 * count; ++i) theta[i] = truth[i % count] + step * off[i];
    Values variances(p, 2.0);
    check_risks({column_major(beta.data(), p, 1), column_major(sigma.data(), p, p), 0.0}, support,
                count, theta);
    check_risks({column_major(beta.data(), p, 1), vector_view(variances), 0.0}, support, count,
                theta);
  }
}

TEST_CASE("risk of the truth itself is the noise floor") {
  const Index p = 150;
  const Values sigma = covariance(p), beta = normals(p, 2), variances(p, 0.3);
  double risk = 0.0;
  for (const double noise : {0.0, 0.5}) {
    LinearGaussianProblem(column_major(beta.data(), p, 1), column_major(sigma.data(), p, p), noise)
        .risk(column_major(beta.data(), p, 1), {&risk, 1, 1});
    CHECK(risk == noise * noise);
    LinearGaussianProblem(column_major(beta.data(), p, 1), vector_view(variances), noise)
        .risk(column_major(beta.data(), p, 1), {&risk, 1, 1});
    CHECK(risk == noise * noise);
  }
}
