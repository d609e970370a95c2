// The symmetric eigensolver on matrices that are easy and hard for it.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

#include "kernels/table.hpp"
#include "reference.hpp"
#include "testing.hpp"

using namespace reference;
using overprune::kernels::supported;
using overprune::kernels::Table;

namespace {

struct Case {
  std::string name;
  Index n;
  Values a;
};

Values scaled(Values a, double factor) {
  for (double& value : a) value *= factor;
  return a;
}

/// Q diag(values) Q' with Q of one Householder reflector: known eigenvalues.
Values with_spectrum(const Values& values) {
  const Index n = static_cast<Index>(values.size());
  const Values u = normals(n, 9);
  double square = 0.0;
  for (const double x : u) square += x * x;
  Values q(n * n, 0.0), right;
  for (Index j = 0; j < n; ++j)
    for (Index i = 0; i < n; ++i) q[j * n + i] = (i == j ? 1.0 : 0.0) - 2.0 * u[i] * u[j] / square;
  right = q;
  for (Index j = 0; j < n; ++j)
    for (Index i = 0; i < n; ++i) right[j * n + i] *= values[j];
  Values a = product(right, q, n, n, n);
  for (Index j = 0; j < n; ++j)
    for (Index i = 0; i < j; ++i) a[j * n + i] = a[i * n + j];
  return a;
}

template <class Value>
Values diagonal(Index n, Value value) {
  Values a(n * n, 0.0);
  for (Index i = 0; i < n; ++i) a[i * n + i] = value(i);
  return a;
}

std::vector<Case> cases(Index n) {
  const Values x = normals(n * n, 1), xt = transpose(x, n, n);
  Values sum(n * n);
  for (Index i = 0; i < n * n; ++i) sum[i] = x[i] + xt[i];
  const double size = static_cast<double>(n);
  Values clusters(n), falling(n),
      wilkinson = diagonal(n, [n](Index i) { return std::abs(i - n / 2) * 1.0; });
  for (Index i = 0; i < n; ++i) {
    clusters[i] = static_cast<double>(i % 3) + 1e-13 * static_cast<double>(i);
    falling[i] = std::pow(10.0, -20.0 * static_cast<double>(i) / size);
    if (i + 1 < n) wilkinson[i * n + i + 1] = wilkinson[(i + 1) * n + i] = 1.0;
  }
  Values graded = product(xt, x, n, n, n), graded_up = graded;
  for (Index j = 0; j < n; ++j)
    for (Index i = 0; i < n; ++i) {
      const double power = -10.0 * static_cast<double>(i + j) / size;
      graded[j * n + i] *= std::pow(10.0, power);
      graded_up[j * n + i] *= std::pow(10.0, -20.0 - power);
    }
  const Index rank = n / 3 + 1;
  const Values thin = normals(n * rank, 2);
  Values split = diagonal(n, [](Index i) { return i % 2 == 0 ? 1.0 : 1e-14; });
  for (Index i = 0; i + 3 < n; i += 4) split[i * n + i + 2] = split[(i + 2) * n + i] = 0.5;
  return {{"symmetric", n, sum},
          {"definite", n, product(xt, x, n, n, n)},
          {"huge", n, scaled(sum, 1e300)},
          {"tiny", n, scaled(sum, 1e-300)},
          {"below the normal numbers", n, scaled(sum, 1e-310)},
          {"zero", n, Values(n * n, 0.0)},
          {"identity", n, diagonal(n, [](Index) { return 1.0; })},
          {"all ones", n, Values(n * n, 1.0)},
          {"diagonal", n, diagonal(n, [&x](Index i) { return x[i]; })},
          {"low rank", n, product(thin, transpose(thin, n, rank), n, rank, n)},
          {"clusters", n, with_spectrum(clusters)},
          {"falling", n, with_spectrum(falling)},
          {"graded", n, graded},
          {"graded the other way", n, graded_up},
          {"in parts of different size", n, split},
          {"Wilkinson's", n, wilkinson}};
}

/// Symmetric, of entries 1 to 2^-1074 of which many are zero, in no order: in parts that underflow.
Values ragged(Index n, std::uint64_t seed) {
  const Values x = normals(n * n, seed), powers = normals(n * n, seed + 1000);
  Values a(n * n);
  for (Index j = 0; j < n; ++j)
    for (Index i = 0; i <= j; ++i) {
      const double power = std::abs(powers[j * n + i]);  // above 0.67 in one of two
      const double value = x[j * n + i] * std::pow(10.0, power < 0.67 ? 0.0 : -150.0 * power);
      a[j * n + i] = a[i * n + j] = std::abs(x[j * n + i]) < 0.4 ? 0.0 : value;
    }
  return a;
}

/// The identity and a few entries next to the smallest normal number.
Values nearly_identity(Index n, std::uint64_t seed) {
  const Values x = normals(n * n, seed);
  Values a(n * n, 0.0);
  for (Index j = 0; j < n; ++j)
    for (Index i = 0; i <= j; ++i)
      a[j * n + i] = a[i * n + j] =
          i == j ? (x[j * n + j] > 0.0 ? 1.0 : 0.0) : 1e-308 * x[j * n + i];
  return a;
}

/// H T H' = A: with B = I, H' comes back. `lam` and `a` are in units of `unit`.
void check_reduction(const Table* kernel, Values reduced, const Values& lam, const Values& a,
                     double unit, double tolerance) {
  const Index n = static_cast<Index>(lam.size()), ld = n + 3;
  Values main(n), off(n), alone(n), identity = diagonal(n, [](Index) { return 1.0; });
  REQUIRE(kernel->tridiagonalize(n, reduced.data(), ld, main.data(), off.data(), alone.data(), n,
                                 identity.data(), n));
  Values t(n * n, 0.0);
  for (Index i = 0; i < n; ++i) {
    CHECK(std::abs(alone[i] / unit - lam[i]) < 4.0 * tolerance);
    t[i * n + i] = main[i] / unit;
    if (i + 1 < n) t[i * n + i + 1] = t[(i + 1) * n + i] = off[i] / unit;
  }
  const Values back = product(transpose(identity, n, n), product(t, identity, n, n, n), n, n, n);
  CHECK(largest_difference(back, a) < 2.0 * tolerance);
}

/// Residuals, orthogonality, order and the reduction's product: all to rounding beside the largest
/// entry.
void check_both(const Table* kernel, const Case& own) {
  const Index n = own.n;
  INFO("level " << std::string(kernel->level) << ", " << own.name << ", n " << n);
  const Index ld = n + 3;  // columns need not be side by side
  Values v(ld * n, 7.0), values(n);
  for (Index j = 0; j < n; ++j)
    for (Index i = 0; i < n; ++i) v[j * ld + i] = i >= j ? own.a[j * n + i] : NAN;  // never read
  const Values given = v;
  REQUIRE(kernel->symmetric_eigen(n, v.data(), ld, values.data()));
  CHECK(std::is_sorted(values.begin(), values.end()));
  for (Index j = 0; j < n; ++j) CHECK(v[j * ld + n] == 7.0);
  Values vectors(n * n);
  for (Index j = 0; j < n; ++j)
    for (Index i = 0; i < n; ++i) vectors[j * n + i] = v[j * ld + i];
  // In units of the largest entry, which may be too large or too small to be squared.
  double largest = 0.0;
  for (const double value : own.a) largest = std::max(largest, std::abs(value));
  const bool subnormal = largest > 0.0 && largest < 1e-307;
  const double unit = largest > 0.0 ? largest : 1.0;
  Values a = own.a, lam = values, image = vectors;
  for (double& value : a) value /= unit;
  for (double& value : lam) value /= unit;
  for (Index j = 0; j < n; ++j)
    for (Index i = 0; i < n; ++i) image[j * n + i] *= lam[j];
  const double tolerance = (subnormal ? 1e-12 : 1e-15) * (20.0 + static_cast<double>(n));
  CHECK(largest_difference(product(a, vectors, n, n, n), image) < 2.0 * tolerance);
  const Values identity = diagonal(n, [](Index) { return 1.0; });
  CHECK(largest_difference(product(transpose(vectors, n, n), vectors, n, n, n), identity) <
        tolerance);
  check_reduction(kernel, given, lam, a, unit, tolerance);
}

}  // namespace

TEST_CASE("symmetric_eigen and tridiagonalize: residuals, orthogonality, order") {
  for (int level = 0; const Table* kernel = supported(level); ++level)
    for (const Index n : {1, 2, 3, 5, 31, 32, 33, 34, 65, 97, 150})
      for (const Case& own : cases(n)) check_both(kernel, own);
}

TEST_CASE("symmetric_eigen and tridiagonalize: parts of a matrix that underflow") {
  for (int level = 0; const Table* kernel = supported(level); ++level)
    for (std::uint64_t seed = 0; seed < 200; ++seed)
      for (const Index n : {3, 4, 8, 13}) {
        check_both(kernel, {"ragged " + std::to_string(seed), n, ragged(n, seed)});
        check_both(kernel,
                   {"nearly the identity " + std::to_string(seed), n, nearly_identity(n, seed)});
      }
}

TEST_CASE("symmetric_eigen: no rows, and numbers that are none") {
  for (int level = 0; const Table* kernel = supported(level); ++level) {
    CHECK(kernel->symmetric_eigen(0, nullptr, 1, nullptr));
    Values undefined(9, NAN), values(3);
    CHECK_FALSE(kernel->symmetric_eigen(3, undefined.data(), 3, values.data()));
    Values infinite = {1.0, 2.0, 3.0, 2.0, INFINITY, 1.0, 3.0, 1.0, 1.0};
    CHECK_FALSE(kernel->symmetric_eigen(3, infinite.data(), 3, values.data()));
  }
}

TEST_CASE(
    "symmetric_eigen: rank-deficient matrices large enough to have many rounding errors of zero") {
  const Index n = 400, rank = 150;
  const Values thin = normals(n * rank, 3), a = product(thin, transpose(thin, n, rank), n, rank, n);
  for (int level = 0; const Table* kernel = supported(level); ++level) {
    Values v = a, values(n);
    REQUIRE(kernel->symmetric_eigen(n, v.data(), n, values.data()));
    CHECK(std::abs(values[n - rank - 1]) < 1e-12 * values[n - 1]);
    CHECK(values[n - rank] > 1e-2 * values[n - 1]);
  }
}
