// Products of every level that this processor runs: against plain loops at every edge of tiles and
// blocks, and the same bits however they are cut.
#include <algorithm>
#include <array>
#include <functional>

#include "kernels/caches.hpp"
#include "kernels/table.hpp"
#include "levels.hpp"
#include "overprune/interrupt.hpp"
#include "reference.hpp"
#include "testing.hpp"

using namespace reference;
using overprune::kernels::Table;

namespace {

constexpr Index kPast = 3;        // leading dimensions beyond the rows
constexpr double kOutside = 7.0;  // what lies there

/// A matrix (rows, columns) with rows beyond its own.
struct Matrix {
  Index rows, columns, ld;
  Values values;

  Matrix(Index rows_, Index columns_, double filled)
      : rows(rows_), columns(columns_), ld(rows_ + kPast), values(ld * columns_, kOutside) {
    for (Index j = 0; j < columns; ++j) std::fill_n(values.begin() + j * ld, rows, filled);
  }
  Matrix(const Values& from, Index rows_, Index columns_, bool transposed)
      : Matrix(transposed ? columns_ : rows_, transposed ? rows_ : columns_, 0.0) {
    for (Index j = 0; j < columns_; ++j)
      for (Index i = 0; i < rows_; ++i)
        values[transposed ? j + i * ld : i + j * ld] = from[i + j * rows_];
  }

  double* at(Index i, Index j) { return values.data() + i + j * ld; }
  /// From row i and column j of what it is the transpose of, or is.
  const double* at(bool transposed, Index i, Index j) const {
    return values.data() + (transposed ? j + i * ld : i + j * ld);
  }
  bool untouched_outside() const {
    for (Index j = 0; j < columns; ++j)
      for (Index i = rows; i < ld; ++i)
        if (values[i + j * ld] != kOutside) return false;
    return true;
  }
};

/// Every transposition of one shape; alpha and beta take turns.
void check_shape(const Table& kernel, Index m, Index n, Index k) {
  static int turn = 0;
  const Values a = normals(m * k, 1), b = normals(k * n, 2), ab = product(a, b, m, k, n);
  for (const bool ta : {false, true})
    for (const bool tb : {false, true}) {
      const double alpha = std::array{1.0, -1.0, 0.5}[turn % 3];
      const double beta = std::array{0.0, 1.0, 0.25}[turn / 3 % 3];
      ++turn;
      INFO("m " << m << ", n " << n << ", k " << k << ", transposed " << ta << tb << ", alpha "
                << alpha << ", beta " << beta);
      const Matrix left(a, m, k, ta), right(b, k, n, tb);
      Matrix c(m, n, beta == 0.0 ? NAN : 2.0);
      kernel.gemm(ta, tb, m, n, k, alpha, left.values.data(), left.ld, right.values.data(),
                  right.ld, beta, c.values.data(), c.ld);
      double worst = 0.0;
      for (Index j = 0; j < n; ++j)
        for (Index i = 0; i < m; ++i) {
          const double error = std::abs(*c.at(i, j) - (2.0 * beta + alpha * ab[i + j * m]));
          if (!(error <= worst)) worst = error;
        }
      CHECK(worst <= 1e-14 * static_cast<double>(k + 10));
      CHECK(c.untouched_outside());
    }
}

/// The whole product, and again in pieces of so many rows and columns: the same bits?
bool same_in_pieces(const Table& kernel, bool ta, bool tb, Index high, Index wide) {
  const Index m = 131, n = 150, k = 700;
  const Matrix left(normals(m * k, 1), m, k, ta), right(normals(k * n, 2), k, n, tb);
  Matrix whole(m, n, 2.0), pieces(m, n, 2.0);
  kernel.gemm(ta, tb, m, n, k, -0.3, left.values.data(), left.ld, right.values.data(), right.ld,
              0.7, whole.values.data(), whole.ld);
  for (Index j = 0; j < n; j += wide)
    for (Index i = 0; i < m; i += high)
      kernel.gemm(ta, tb, std::min(high, m - i), std::min(wide, n - j), k, -0.3, left.at(ta, i, 0),
                  left.ld, right.at(tb, 0, j), right.ld, 0.7, pieces.at(i, j), pieces.ld);
  return whole.values == pieces.values;
}

}  // namespace

TEST_CASE("products: every edge of a tile, all transpositions, alpha and beta") {
  each_level([](const Table& kernel) {
    for (Index m = 0; m <= 75; ++m)
      for (const Index n : {0, 1, 6, 9, 11, 13, 18, 24}) check_shape(kernel, m, n, 7);
    for (Index n = 0; n <= 27; ++n)
      for (const Index m : {1, 5, 24, 31}) check_shape(kernel, m, n, 5);
  });
}

TEST_CASE("products: every edge of a block") {
  each_level([](const Table& kernel) {
    const Index depth = overprune::kernels::kDepth;
    for (const Index k : {Index{0}, Index{1}, Index{8}, depth - 1, depth, depth + 1, 2 * depth + 3})
      check_shape(kernel, 29, 13, k);
    const auto [rows, columns] = overprune::kernels::product_blocks(sizeof(double));
    check_shape(kernel, rows + 1, 70, 9);
    check_shape(kernel, 2 * rows + 25, 10, 9);
    check_shape(kernel, 9, columns + 1, 12);
    check_shape(kernel, rows + 30, columns + 30, depth + 3);
  });
}

TEST_CASE("products: the same bits however C is cut") {
  each_level([](const Table& kernel) {
    for (const bool ta : {false, true})
      for (const bool tb : {false, true})
        for (const Index high : {1, 5, 24, 50, 130})
          for (const Index wide : {10, 15, 50, 140}) {  // more than kSkinny, also at the end
            INFO("transposed " << ta << tb << ", pieces " << high << " x " << wide);
            CHECK(same_in_pieces(kernel, ta, tb, high, wide));
          }
  });
}

TEST_CASE("symmetric products: the bits of products, and nothing above the diagonal") {
  each_level([](const Table& kernel) {
    for (Index n = 9; n <= 300; n += n < 80 ? 1 : 55)
      for (const bool transpose : {false, true}) {
        INFO("n " << n << ", transposed " << transpose);
        const Index k = n % 5 == 0 ? 700 : 11;
        const Matrix a(normals(n * k, 1), n, k, transpose);
        Matrix full(n, n, 2.0), lower(n, n, 2.0);
        kernel.gemm(transpose, !transpose, n, n, k, 1.0, a.values.data(), a.ld, a.values.data(),
                    a.ld, 1.0, full.values.data(), full.ld);
        (transpose ? kernel.gram : kernel.row_gram)(n, k, a.values.data(), a.ld,
                                                    lower.values.data(), lower.ld);
        bool same = true, above = true;
        for (Index j = 0; j < n; ++j)
          for (Index i = 0; i < n; ++i)
            (i >= j ? same : above) &= *lower.at(i, j) == (i >= j ? *full.at(i, j) : 2.0);
        CHECK(same);
        CHECK(above);
        CHECK(lower.untouched_outside());
      }
  });
}

TEST_CASE("products: an interrupt leaves, and the next product is right") {
  each_level([](const Table& kernel) {
    const Index n = 600;
    const Values a = normals(n * n, 1);
    Values c(n * n);
    const std::function<void()> poll = [] { throw std::runtime_error("stop"); };
    {
      const overprune::Interruptible interruptible(poll);
      CHECK_THROWS_AS(
          kernel.gemm(false, true, n, n, n, 1.0, a.data(), n, a.data(), n, 0.0, c.data(), n),
          std::runtime_error);
      CHECK_THROWS_AS(kernel.gram(n, n, a.data(), n, c.data(), n), std::runtime_error);
    }
    check_shape(kernel, 40, 40, 400);
  });
}

TEST_CASE("finished products: every entry once, when it has all of its sum") {
  each_level([](const Table& kernel) {
    constexpr std::array<std::array<Index, 3>, 9> shapes{{{1, 1, 1},
                                                          {5, 3, 0},
                                                          {40, 8, 20},
                                                          {7, 900, 3},
                                                          {300, 6, 700},
                                                          {97, 61, 9},
                                                          {130, 240, 700},
                                                          {700, 1100, 5},
                                                          {0, 4, 2}}};
    for (const auto& [m, n, k] : shapes)
      for (const bool transpose : {false, true}) {
        INFO("m " << m << ", n " << n << ", k " << k << ", transposed " << transpose);
        const Matrix a(normals(m * k, 1), m, k, transpose), b(normals(k * n, 2), k, n, !transpose);
        Matrix plain(m, n, 5.0), found(m, n, 5.0);
        kernel.gemm(transpose, !transpose, m, n, k, 1.0, a.values.data(), a.ld, b.values.data(),
                    b.ld, 0.0, plain.values.data(), plain.ld);
        const auto negate = [](const void* context, Index i, Index rows, Index j, Index columns) {
          Matrix& c = *static_cast<Matrix*>(const_cast<void*>(context));
          for (Index q = j; q < j + columns; ++q)
            for (Index r = i; r < i + rows; ++r) *c.at(r, q) *= -3.0;  // twice would be 9
        };
        kernel.finished_gemm(transpose, !transpose, m, n, k, a.values.data(), a.ld, b.values.data(),
                             b.ld, found.values.data(), found.ld, {negate, &found});
        bool same = true;
        for (Index j = 0; j < n; ++j)
          for (Index i = 0; i < m; ++i) same &= *found.at(i, j) == -3.0 * *plain.at(i, j);
        CHECK(same);
        CHECK(found.untouched_outside());
      }
  });
}

TEST_CASE("products with few columns: rows and depths that are worked through in parts") {
  each_level([](const Table& kernel) {
    for (const Index m : {1439, 1440, 1441, 2405})
      for (const Index n : {4, 5, 8}) check_shape(kernel, m, n, 33);
    for (const Index m : {3, 61, 75})
      for (const Index k : {511, 512, 513}) check_shape(kernel, m, 7, k);
  });
}

TEST_CASE("products with few columns: the same bits however the rows are cut") {
  each_level([](const Table& kernel) {
    for (Index turn = 0; turn < 32; ++turn) {
      const Index n = 1 + turn / 4, m = turn % 2 == 0 ? 501 : 2001, k = turn % 2 == 0 ? 333 : 41;
      const bool transpose = turn / 2 % 2 == 1;
      const Values a = normals(m * k, 1), b = normals(k * n, 2);
      INFO("m " << m << ", n " << n << ", transposed " << transpose);
      const Index ld = transpose ? k : m;
      Values whole(m * n, 1.0), parts(m * n, 1.0);
      kernel.gemm(transpose, false, m, n, k, 0.3, a.data(), ld, b.data(), k, 1.0, whole.data(), m);
      const std::array<Index, 6> cuts{0, 48, 150, 203, 289, m};
      for (std::size_t i = 0; i + 1 < cuts.size(); ++i)
        kernel.gemm(transpose, false, cuts[i + 1] - cuts[i], n, k, 0.3,
                    a.data() + cuts[i] * (transpose ? k : 1), ld, b.data(), k, 1.0,
                    parts.data() + cuts[i], m);
      CHECK(whole == parts);
    }
  });
}
