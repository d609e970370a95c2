// Roots, inverses and eigenvalues of covariances whose features lie many powers of ten apart.
#include "testing.hpp"

#include <cmath>
#include <limits>

#include "problem/covariance_root.hpp"
#include "reference.hpp"

using namespace overprune;
using namespace reference;

namespace {

/// A A' / p (p, p) of rank r, with feature i in units of 10^powers[i].
Values covariance(Index p, Index r, const Values& powers) {
  const Values a = normals(p * r, 5);
  Values sigma = product(a, transpose(a, p, r), p, r, p);
  for (Index j = 0; j < p; ++j)
    for (Index i = 0; i < p; ++i)
      sigma[j * p + i] *=
          std::pow(10.0, powers[i]) * std::pow(10.0, powers[j]) / static_cast<double>(p);
  return sigma;
}

/// D A D^-1 is the identity, D the powers of ten.
void check_identity(const Values& a, const Values& powers, double tolerance) {
  const Index n = static_cast<Index>(powers.size());
  for (Index j = 0; j < n; ++j)
    for (Index i = 0; i < n; ++i)
      CHECK(std::abs(a[j * n + i] * std::pow(10.0, powers[i] - powers[j]) - (i == j ? 1.0 : 0.0)) <
            tolerance);
}

}  // namespace

TEST_CASE("A3: roots and their inverses are as good for features on any scale") {
  const Index p = 12;
  for (const double range : {0.0, 4.0, 60.0})
    for (const Index r : {p, p - 4})
      for (const bool graded : {false, true}) {
        Values powers = normals(p, 8);
        for (double& power : powers) power *= range / 2.0;
        const Values sigma = covariance(p, r, powers);
        Values copied = sigma;
        CovarianceRoot root;
        root.factor({copied.data(), p, p, p}, graded);
        REQUIRE(root.rank() == r);
        Values f(p * r), d(p * r), solved = sigma;
        root.root({f.data(), p, r, p});
        root.dual({d.data(), p, r, p});
        root.solve({solved.data(), p, p, p});  // Sigma^+ Sigma
        const Values square = product(f, transpose(f, p, r), p, r, p),
                     unit = product(transpose(f, p, r), d, r, p, r);
        for (Index j = 0; j < p; ++j)
          for (Index i = 0; i < p; ++i)
            CHECK(std::abs(square[j * p + i] - sigma[j * p + i]) <=
                  1e-13 * std::sqrt(sigma[i * p + i]) * std::sqrt(sigma[j * p + j]));
        if (range < 10.0 || r == p) check_identity(unit, Values(r, 0.0), 1e-7);
        if (r == p) check_identity(solved, powers, 1e-9);
      }
}

TEST_CASE("A3: eigenvalues of features on any scale have relative accuracy") {
  // Two features at a time: the eigenvalues are known in closed form.
  for (const double range : {1.0, 5.0, 30.0, 70.0}) {
    const double small = std::pow(10.0, -range), rho = 0.6;
    Values sigma = {1.0, rho * small, rho * small, small * small};
    const std::vector<double> values = positive_eigenvalues({sigma.data(), 2, 2, 2});
    REQUIRE(values.size() == 2);
    const double trace = 1.0 + small * small, determinant = (1.0 - rho * rho) * small * small,
                 large = 0.5 * (trace + std::sqrt(trace * trace - 4.0 * determinant));
    CHECK(values[1] == testing::Approx(large).epsilon(1e-14));
    CHECK(std::abs(values[0] / (determinant / large) - 1.0) < 1e-13);
  }
  Values nothing(9, 0.0);
  CHECK(positive_eigenvalues({nothing.data(), 3, 3, 3}).empty());
}
