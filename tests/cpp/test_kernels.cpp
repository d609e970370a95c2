// Every kernel of every level that this processor runs, against plain loops.
#include <doctest/doctest.h>

#include "kernels/table.hpp"
#include "overprune/activation.hpp"
#include "reference.hpp"

using namespace reference;
using overprune::kernels::supported;
using overprune::kernels::Table;

namespace {

template <class Test>
void each_level(Test test) {
  for (int i = 0; const Table* table = supported(i); ++i) {
    INFO("level " << table->level);
    test(*table);
  }
  REQUIRE(supported(0) != nullptr);
}

/// Upper triangle of a column-major (n, n), zero below.
Values upper(const Values& a, Index ld, Index n) {
  Values r(n * n, 0.0);
  for (Index j = 0; j < n; ++j)
    for (Index i = 0; i <= j; ++i) r[j * n + i] = a[j * ld + i];
  return r;
}

}  // namespace

TEST_CASE("gemm: all transposes, alpha and beta") {
  each_level([](const Table& kernel) {
    const Index m = 13, k = 37, n = 9;
    const Values a = normals(m * k, 1), b = normals(k * n, 2), c = normals(m * n, 3);
    const Values at = transpose(a, m, k), bt = transpose(b, k, n), ab = product(a, b, m, k, n);
    for (const bool ta : {false, true})
      for (const bool tb : {false, true})
        for (const double beta : {0.0, 1.0, -0.5}) {
          Values out = c, expected(m * n);
          for (Index i = 0; i < m * n; ++i) expected[i] = beta * c[i] + 2.0 * ab[i];
          kernel.gemm(ta, tb, m, n, k, 2.0, ta ? at.data() : a.data(), ta ? k : m, tb ? bt.data() : b.data(),
                      tb ? n : k, beta, out.data(), m);
          CHECK(largest_difference(out, expected) < 1e-12);
        }
    Values poisoned(m * n, NAN);  // beta = 0 must not read C
    kernel.gemm(false, false, m, n, k, 1.0, a.data(), m, b.data(), k, 0.0, poisoned.data(), m);
    CHECK(largest_difference(poisoned, ab) < 1e-12);
  });
}

TEST_CASE("gram adds A'A to the lower triangle and leaves the upper alone") {
  each_level([](const Table& kernel) {
    const Index n = 11, k = 29;
    const Values a = normals(n * k, 1), expected = product(transpose(a, k, n), a, n, k, n);
    Values c(n * n, 5.0);
    kernel.gram(n, k, a.data(), k, c.data(), n);
    for (Index j = 0; j < n; ++j)
      for (Index i = 0; i < n; ++i)
        CHECK(c[j * n + i] == doctest::Approx(5.0 + (i >= j ? expected[j * n + i] : 0.0)));
  });
}

TEST_CASE("triangular solves invert triangular products") {
  each_level([](const Table& kernel) {
    const Index n = 40, m = 3;
    Values full = normals(n * n, 1);
    for (Index i = 0; i < n; ++i) full[i * n + i] = 10.0 + static_cast<double>(i);
    const Values b = normals(n * m, 2);
    for (const bool lower : {false, true})
      for (const bool flip : {false, true}) {
        Values triangle(n * n, 0.0), x = b;
        for (Index j = 0; j < n; ++j)
          for (Index i = 0; i < n; ++i)
            if (lower ? i >= j : i <= j) triangle[j * n + i] = full[j * n + i];
        kernel.solve_triangular(lower, flip, n, m, full.data(), n, x.data(), n);  // reads its triangle only
        const Values back = product(flip ? transpose(triangle, n, n) : triangle, x, n, n, m);
        CHECK(largest_difference(back, b) < 1e-12);
      }
  });
}

TEST_CASE("cholesky factors definite matrices and refuses indefinite ones") {
  each_level([](const Table& kernel) {
    const Index n = 50;
    const Values a = normals(n * n, 1), gram = product(transpose(a, n, n), a, n, n, n);
    Values l = gram;
    REQUIRE(kernel.cholesky(n, l.data(), n));
    Values lower(n * n, 0.0);
    for (Index j = 0; j < n; ++j)
      for (Index i = j; i < n; ++i) lower[j * n + i] = l[j * n + i];
    CHECK(largest_difference(product(lower, transpose(lower, n, n), n, n, n), gram) < 1e-11);
    Values indefinite = {1.0, 2.0, 2.0, 1.0};
    CHECK_FALSE(kernel.cholesky(2, indefinite.data(), 2));
  });
}

TEST_CASE("qr and apply_qt: R'R = A'A, and Q'A = R") {
  each_level([](const Table& kernel) {
    const Index m = 130, n = 70;
    const Values a = normals(m * n, 1), gram = product(transpose(a, m, n), a, n, m, n);
    Values factor = a, tau(n), image = a;
    kernel.qr(m, n, factor.data(), m, tau.data());
    const Values r = upper(factor, m, n);
    CHECK(largest_difference(product(transpose(r, n, n), r, n, n, n), gram) < 1e-11);
    kernel.apply_qt(m, n, n, factor.data(), m, tau.data(), image.data(), m);
    CHECK(largest_difference(upper(image, m, n), r) < 1e-12);
  });
}

TEST_CASE("append_rows: R'R grows by W'W, also from zero, from one row and across panels") {
  each_level([](const Table& kernel) {
    for (const Index n : {Index{1}, Index{31}, Index{32}, Index{33}, Index{100}})
      for (const Index m : {Index{1}, Index{20}, Index{150}}) {
        INFO("n " << n << ", m " << m);
        const Values seed_rows = normals(2 * n * n, 1), rows = normals(m * n, 2);
        Values r(n * n, 0.0), w = seed_rows;
        kernel.append_rows(n, 2 * n, r.data(), n, w.data(), 2 * n);
        w = rows;
        kernel.append_rows(n, m, r.data(), n, w.data(), m);
        Values expected = product(transpose(seed_rows, 2 * n, n), seed_rows, n, 2 * n, n);
        const Values more = product(transpose(rows, m, n), rows, n, m, n);
        for (Index i = 0; i < n * n; ++i) expected[i] += more[i];
        CHECK(largest_difference(product(transpose(r, n, n), r, n, n, n), expected) < 1e-11);
        for (Index j = 0; j < n; ++j)
          for (Index i = j + 1; i < n; ++i) CHECK(r[j * n + i] == 0.0);
      }
    Values r(9, 0.0), zeros(6, 0.0);  // rows of zeros change nothing
    kernel.append_rows(3, 2, r.data(), 3, zeros.data(), 2);
    CHECK(largest_difference(r, Values(9, 0.0)) == 0.0);
  });
}

TEST_CASE("min_norm: rank, and the solution orthogonal to the null space") {
  each_level([](const Table& kernel) {
    const Index n = 12, k = 20, rank = 5;
    const Values x = product(normals(n * rank, 1), normals(rank * k, 2), n, rank, k), y = normals(n, 3);
    Values theta(k);
    double condition = 0.0;
    CHECK(kernel.min_norm(n, k, 1, x.data(), n, y.data(), n, 1e-12, theta.data(), k, &condition) == rank);
    CHECK(condition >= 1.0);
    CHECK(condition < 1e3);
    // Optimal: X'(y - X theta) = 0. Minimal: theta lies in the row space, so it is X'z for some z.
    const Values xt = transpose(x, n, k);
    Values residual = product(x, theta, n, k, 1);
    for (Index i = 0; i < n; ++i) residual[i] = y[i] - residual[i];
    CHECK(largest_difference(product(xt, residual, k, n, 1), Values(k, 0.0)) < 1e-11);
    Values again(k);
    kernel.min_norm(k, n, 1, xt.data(), k, theta.data(), k, 1e-12, again.data(), n, &condition);
    again.resize(n);
    CHECK(largest_difference(product(xt, again, k, n, 1), theta) < 1e-11);
  });
}

TEST_CASE("symmetric_eigen: A V = V diag(values), ascending") {
  each_level([](const Table& kernel) {
    const Index n = 20;
    const Values a = normals(n * n, 1), gram = product(transpose(a, n, n), a, n, n, n);
    Values v = gram, values(n);
    REQUIRE(kernel.symmetric_eigen(n, v.data(), n, values.data()));
    CHECK(std::is_sorted(values.begin(), values.end()));
    Values scaled = v;
    for (Index j = 0; j < n; ++j)
      for (Index i = 0; i < n; ++i) scaled[j * n + i] *= values[j];
    CHECK(largest_difference(product(gram, v, n, n, n), scaled) < 1e-11);
  });
}

TEST_CASE("activations at hand-picked points") {
  using overprune::Activation;
  each_level([](const Table& kernel) {
    const Values points = {-1.5, -0.0, 0.5, 2.0};
    const double bias = 0.25;
    const auto check = [&](Activation activation, double (*phi)(double)) {
      Values x = points;
      kernel.activate(static_cast<int>(activation), 4, 1, &bias, x.data(), 4);
      for (Index i = 0; i < 4; ++i) CHECK(x[i] == doctest::Approx(phi(points[i] + bias)).epsilon(1e-15));
    };
    check(Activation::identity, [](double z) { return z; });
    check(Activation::relu, [](double z) { return std::max(z, 0.0); });
    check(Activation::sign, [](double z) { return z > 0.0 ? 1.0 : z < 0.0 ? -1.0 : 0.0; });
    check(Activation::erf, [](double z) { return std::erf(z); });
    check(Activation::cos, [](double z) { return std::cos(z); });
    check(Activation::tanh, [](double z) { return std::tanh(z); });
  });
}

TEST_CASE("normals and uniforms: the same bits at every level, at any offset") {
  const Index count = 1000;
  Values first(count), uniform(count);
  supported(0)->normals(3, 4, 5, 0, count, first.data());
  supported(0)->uniforms(3, 4, 5, 0, count, uniform.data());
  each_level([&](const Table& kernel) {
    Values out(count);
    kernel.normals(3, 4, 5, 0, count, out.data());
    CHECK(out == first);
    for (const Index offset : {Index{1}, Index{31}, Index{32}, Index{999}}) {
      kernel.normals(3, 4, 5, static_cast<std::uint64_t>(offset), count - offset, out.data());
      CHECK(std::equal(out.begin(), out.begin() + (count - offset), first.begin() + offset));
    }
    kernel.uniforms(3, 4, 5, 0, count, out.data());
    CHECK(out == uniform);
  });
}
