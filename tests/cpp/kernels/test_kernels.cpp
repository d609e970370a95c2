// Every kernel of every level that this processor runs, against plain loops.
#include <algorithm>

#include "kernels/table.hpp"
#include "levels.hpp"
#include "overprune/activation.hpp"
#include "reference.hpp"
#include "testing.hpp"

using namespace reference;
using overprune::kernels::supported;
using overprune::kernels::Table;

namespace {}  // namespace

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
          kernel.gemm(ta, tb, m, n, k, 2.0, ta ? at.data() : a.data(), ta ? k : m,
                      tb ? bt.data() : b.data(), tb ? n : k, beta, out.data(), m);
          CHECK(largest_difference(out, expected) < 1e-12);
        }
    Values poisoned(m * n, NAN);  // beta = 0 must not read C
    kernel.gemm(false, false, m, n, k, 1.0, a.data(), m, b.data(), k, 0.0, poisoned.data(), m);
    CHECK(largest_difference(poisoned, ab) < 1e-12);
  });
}

TEST_CASE("gemm with few columns on the right: every remainder of rows, columns and depth") {
  each_level([](const Table& kernel) {
    for (const Index m : {Index{1}, Index{7}, Index{16}, Index{33}, Index{70}})
      for (const Index k : {Index{1}, Index{8}, Index{29}, Index{5000}})
        for (Index n = 1; n <= 9; ++n) {
          const Values a = normals(m * k, 1), b = normals(k * n, 2), at = transpose(a, m, k);
          Values expected = product(a, b, m, k, n);
          for (double& value : expected) value = 1.0 - 0.5 * value;
          for (const bool ta : {false, true}) {
            INFO("m " << m << ", k " << k << ", n " << n << ", transposed " << ta);
            Values out(m * n, 1.0);
            kernel.gemm(ta, false, m, n, k, -0.5, ta ? at.data() : a.data(), ta ? k : m, b.data(),
                        k, 1.0, out.data(), m);
            CHECK(largest_difference(out, expected) < 1e-12 * static_cast<double>(k));
          }
        }
  });
}

TEST_CASE("gram adds A'A to the lower triangle and leaves the upper alone") {
  each_level([](const Table& kernel) {
    for (const Index n : {Index{11}, Index{130}}) {
      const Index k = 29;
      const Values a = normals(n * k, 1), expected = product(transpose(a, k, n), a, n, k, n);
      Values c(n * n, 5.0);
      kernel.gram(n, k, a.data(), k, c.data(), n);
      for (Index j = 0; j < n; ++j)
        for (Index i = 0; i < n; ++i)
          CHECK(c[j * n + i] == testing::Approx(5.0 + (i >= j ? expected[j * n + i] : 0.0)));
    }
  });
}

TEST_CASE("row_gram adds A A' to the lower triangle and leaves the upper alone") {
  each_level([](const Table& kernel) {
    for (const Index n : {Index{11}, Index{130}}) {
      const Index k = 29;
      const Values a = normals(n * k, 1), expected = product(a, transpose(a, n, k), n, k, n);
      Values c(n * n, 5.0);
      kernel.row_gram(n, k, a.data(), n, c.data(), n);
      for (Index j = 0; j < n; ++j)
        for (Index i = 0; i < n; ++i)
          CHECK(c[j * n + i] == testing::Approx(5.0 + (i >= j ? expected[j * n + i] : 0.0)));
    }
  });
}

TEST_CASE("triangular solves invert triangular products, at every edge of tiles and blocks") {
  constexpr Index past = 3;  // leading dimensions beyond the rows
  each_level([](const Table& kernel) {
    for (const Index n : {1, 2, 7, 8, 9, 17, 24, 40, 63, 64, 65, 73, 130})
      for (const Index m : {1, 3, 4, 5, 8, 9, 21, 63, 64, 65, 70}) {
        INFO("n " << n << ", m " << m);
        const Index ld = n + past;
        Values full = normals(ld * n, 1);
        for (Index i = 0; i < n; ++i) full[i * ld + i] = 10.0 + static_cast<double>(i);
        const Values b = normals(ld * m, 2);
        for (const bool lower : {false, true})
          for (const bool flip : {false, true}) {
            Values triangle(n * n, 0.0), x = b, own(n * m), wanted(n * m);
            for (Index j = 0; j < n; ++j)
              for (Index i = 0; i < n; ++i)
                if (lower ? i >= j : i <= j) triangle[j * n + i] = full[j * ld + i];
            kernel.solve_triangular(lower, flip, n, m, full.data(), ld, x.data(),
                                    ld);  // reads its triangle only
            bool same = true;
            for (Index j = 0; j < m; ++j)
              for (Index i = 0; i < ld; ++i)
                if (i < n) {
                  own[j * n + i] = x[j * ld + i];
                  wanted[j * n + i] = b[j * ld + i];
                } else {
                  same = same && x[j * ld + i] == b[j * ld + i];
                }
            CHECK(same);
            const Values back = product(flip ? transpose(triangle, n, n) : triangle, own, n, n, m);
            CHECK(largest_difference(back, wanted) < 1e-11);
          }
      }
  });
}

TEST_CASE("a right side's solution does not depend on the others") {
  each_level([](const Table& kernel) {
    const Index n = 90, m = 70;
    Values triangle = normals(n * n, 1), all = normals(n * m, 2);
    for (Index i = 0; i < n; ++i) triangle[i * n + i] = 10.0;
    Values some(all.begin() + 5 * n, all.begin() + 16 * n);
    kernel.solve_triangular(true, true, n, m, triangle.data(), n, all.data(), n);
    kernel.solve_triangular(true, true, n, 11, triangle.data(), n, some.data(), n);
    CHECK(std::equal(some.begin(), some.end(), all.begin() + 5 * n));
  });
}

TEST_CASE(
    "cholesky factors definite matrices, leaves the upper triangle alone and refuses indefinite "
    "ones") {
  each_level([](const Table& kernel) {
    for (const Index n :
         {Index{1}, Index{7}, Index{8}, Index{50}, Index{128}, Index{136}, Index{300}}) {
      INFO("n " << n);
      const Values a = normals(2 * n * n, 1),
                   gram = product(transpose(a, 2 * n, n), a, n, 2 * n, n);
      Values l = gram;
      REQUIRE(kernel.cholesky(n, l.data(), n));
      Values lower(n * n, 0.0);
      bool same = true;
      for (Index j = 0; j < n; ++j)
        for (Index i = 0; i < n; ++i) {
          if (i >= j) lower[j * n + i] = l[j * n + i];
          if (i < j) same = same && l[j * n + i] == gram[j * n + i];
        }
      CHECK(same);
      CHECK(largest_difference(product(lower, transpose(lower, n, n), n, n, n), gram) <
            1e-14 * static_cast<double>(n * n + 100));
      Values indefinite = gram;
      indefinite[n * n - 1] = -1.0;
      CHECK_FALSE(kernel.cholesky(n, indefinite.data(), n));
    }
    Values indefinite = {1.0, 2.0, 2.0, 1.0};
    CHECK_FALSE(kernel.cholesky(2, indefinite.data(), 2));
    Values undefined(64, NAN);
    CHECK_FALSE(kernel.cholesky(8, undefined.data(), 8));
  });
}

TEST_CASE(
    "lq: L L' = W W' for the pivots' rows, the same rotation for the rest, at once or in parts") {
  each_level([](const Table& kernel) {
    struct Shape {
      Index pivots, rows, m;
    };
    for (const Shape& shape : {Shape{8, 8, 8}, Shape{8, 16, 20}, Shape{40, 48, 41},
                               Shape{104, 104, 300}, Shape{504, 520, 600}}) {
      const Index pivots = shape.pivots, rows = shape.rows, m = shape.m;
      INFO("pivots " << pivots << ", rows " << rows << ", m " << m);
      const Values w = normals(rows * m, 1),
                   gram = product(w, transpose(w, rows, m), rows, m, rows);
      for (const Index part : {m, Index{8}, Index{64}}) {
        Values factor = w;
        for (Index first = 0; first < m; first += part)
          kernel.lq(pivots, rows, first, std::min(first + part, m), factor.data(), rows);
        double worst = 0.0;  // of the products of [L; B] (rows, pivots) with L's rows
        for (Index i = 0; i < rows; ++i)
          for (Index j = 0; j <= std::min(i, pivots - 1); ++j) {
            double sum = 0.0;
            for (Index c = 0; c <= j; ++c) sum += factor[c * rows + i] * factor[c * rows + j];
            worst = std::max(worst, std::abs(sum - gram[j * rows + i]));
          }
        CHECK(worst < 1e-14 * static_cast<double>(m + 100));
      }
    }
    Values zeros(16 * 16, 0.0);
    kernel.lq(8, 16, 0, 16, zeros.data(), 16);
    CHECK(largest_difference(zeros, Values(16 * 16, 0.0)) == 0.0);
  });
}

TEST_CASE(
    "append_columns: L L' grows by W W', also from zero, by one column, across panels and out of "
    "cache") {
  each_level([](const Table& kernel) {
    struct Shape {
      Index n, m;
    };
    for (const Shape& shape : {Shape{8, 1}, Shape{8, 20}, Shape{40, 150}, Shape{104, 7},
                               Shape{104, 300}, Shape{504, 300}}) {
      const Index n = shape.n, m = shape.m;
      INFO("n " << n << ", m " << m);
      const Values first = normals(n * n, 1), more = normals(n * m, 2);
      Values l(n * n, 0.0), w = first;
      kernel.append_columns(n, n, l.data(), n, w.data(), n, l.data(), n);
      w = more;
      Values out(n * (n + 3), 0.0), before = l;
      kernel.append_columns(n, m, l.data(), n, w.data(), n, out.data(), n + 3);
      CHECK(l == before);
      w = more;
      kernel.append_columns(n, m, l.data(), n, w.data(), n, l.data(), n);
      bool same = true;
      for (Index j = 0; j < n; ++j)
        for (Index i = 0; i < n; ++i) same = same && out[j * (n + 3) + i] == l[j * n + i];
      CHECK(same);
      Values expected = product(first, transpose(first, n, n), n, n, n);
      const Values growth = product(more, transpose(more, n, m), n, m, n);
      for (Index i = 0; i < n * n; ++i) expected[i] += growth[i];
      CHECK(largest_difference(product(l, transpose(l, n, n), n, n, n), expected) <
            1e-13 * static_cast<double>(n * n));
      for (Index j = 0; j < n; ++j)
        for (Index i = 0; i < j; ++i) CHECK(l[j * n + i] == 0.0);
    }
    Values l(64, 0.0), zeros(16, 0.0);  // columns of zeros change nothing
    kernel.append_columns(8, 2, l.data(), 8, zeros.data(), 8, l.data(), 8);
    CHECK(largest_difference(l, Values(64, 0.0)) == 0.0);
  });
}

TEST_CASE("append_columns: a border of zeros stays zero, and leading dimensions may be larger") {
  each_level([](const Table& kernel) {
    const Index n = 13, padded = 16, ld = 19, m = 5;
    Values l(ld * padded, 0.0), w(ld * m, 0.0);
    const Values inside = normals(n * m, 1);
    for (Index j = 0; j < n; ++j) l[j * ld + j] = 2.0;
    for (Index j = 0; j < m; ++j)
      for (Index i = 0; i < n; ++i) w[j * ld + i] = inside[j * n + i];
    for (Index j = 0; j < m; ++j)
      w[j * ld + ld - 1] = l[j * ld + ld - 1] = 7.0;  // not the kernel's
    kernel.append_columns(padded, m, l.data(), ld, w.data(), ld, l.data(), ld);
    Values expected = product(inside, transpose(inside, n, m), n, m, n), own(n * n, 0.0);
    for (Index i = 0; i < n; ++i) expected[i * n + i] += 4.0;
    for (Index j = 0; j < n; ++j)
      for (Index i = j; i < n; ++i) own[j * n + i] = l[j * ld + i];
    CHECK(largest_difference(product(own, transpose(own, n, n), n, n, n), expected) < 1e-12);
    for (Index j = 0; j < padded; ++j)
      for (Index i = n; i < padded; ++i) CHECK(l[j * ld + i] == 0.0);
    CHECK(l[ld - 1] == 7.0);
    CHECK(w[ld - 1] == 7.0);
  });
}

TEST_CASE("min_norm: rank, and the solution orthogonal to the null space") {
  each_level([](const Table& kernel) {
    const Index n = 12, k = 20, rank = 5;
    const Values x = product(normals(n * rank, 1), normals(rank * k, 2), n, rank, k),
                 y = normals(n, 3);
    Values theta(k);
    double condition = 0.0;
    CHECK(kernel.min_norm(n, k, 1, x.data(), n, y.data(), n, 1e-12, theta.data(), k, &condition) ==
          rank);
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

TEST_CASE("activations at hand-picked points") {
  using overprune::Activation;
  each_level([](const Table& kernel) {
    const Values points = {-1.5, -0.0, 0.5, 2.0};
    const double bias = 0.25;
    const auto check = [&](Activation activation, double (*phi)(double)) {
      Values x = points;
      kernel.activate(static_cast<int>(activation), 4, 1, &bias, x.data(), 4);
      for (Index i = 0; i < 4; ++i)
        CHECK(x[i] == testing::Approx(phi(points[i] + bias)).epsilon(1e-15));
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
