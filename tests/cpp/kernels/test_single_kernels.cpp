// The kernels of float32 against plain loops in float64.
#include <algorithm>
#include <cmath>
#include <limits>

#include "levels.hpp"
#include "reference.hpp"
#include "testing.hpp"

using namespace reference;
using overprune::kernels::kSingleRowPadding;
using overprune::kernels::Table;
using Singles = std::vector<float>;

namespace {

constexpr double kRound = 6e-8;  // float32's

Singles single(const Values& values) { return {values.begin(), values.end()}; }
Values wide(const Singles& values) { return {values.begin(), values.end()}; }

/// Lower triangle (n, n) of normals with a large diagonal.
Values triangle(Index n, std::uint64_t stream) {
  Values l = normals(n * n, stream);
  for (Index j = 0; j < n; ++j) {
    for (Index i = 0; i < j; ++i) l[j * n + i] = 0.0;
    l[j * n + j] = 2.0 + std::sqrt(static_cast<double>(n)) + std::abs(l[j * n + j]);
  }
  return wide(single(l));
}

/// |L L' - expected| over all entries, relative to the largest.
double gram_error(const Singles& l, const Values& expected, Index n) {
  const Values own = wide(l);
  double largest = 0.0;
  for (const double value : expected) largest = std::max(largest, std::abs(value));
  return largest_difference(product(own, transpose(own, n, n), n, n, n), expected) / largest;
}

}  // namespace

TEST_CASE(
    "append_columns_single: L L' grows by W W', in place and beside, for all edges of tiles") {
  each_level([](const Table& kernel) {
    const Index tile = kSingleRowPadding;
    for (const Index n : {Index{0}, tile, 2 * tile, 3 * tile, 13 * tile})
      for (const Index m : {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 48, 127, 129, 256, 300}) {
        INFO("n " << n << ", m " << m);
        const Values first = triangle(n, 1), more = wide(single(normals(n * m, 2)));
        Values expected = product(first, transpose(first, n, n), n, n, n);
        const Values growth = product(more, transpose(more, n, m), n, m, n);
        for (Index i = 0; i < n * n; ++i) expected[i] += growth[i];
        const Index ld = n + 3;
        const Singles l = single(first);
        Singles w = single(more), beside(n * ld, 0.0F), own = l;
        kernel.append_columns_single(n, m, l.data(), n, w.data(), n, beside.data(), ld);
        CHECK(wide(l) == first);
        w = single(more);
        kernel.append_columns_single(n, m, own.data(), n, w.data(), n, own.data(), n);
        bool same = true;
        for (Index j = 0; j < n; ++j)
          for (Index i = 0; i < n; ++i) same = same && beside[j * ld + i] == own[j * n + i];
        CHECK(same);
        if (n > 0) CHECK(gram_error(own, expected, n) < 20.0 * kRound);
        bool lower = true;
        for (Index j = 0; j < n; ++j)
          for (Index i = 0; i < j; ++i) lower = lower && own[j * n + i] == 0.0F;
        CHECK(lower);
      }
  });
}

TEST_CASE("append_columns_single: zeros and denormal squares change nothing, a border stays zero") {
  each_level([](const Table& kernel) {
    const Index n = kSingleRowPadding, used = 13, m = 5;
    const auto inside = [&](const Values& values, Index cols) {
      Singles out(n * cols, 0.0F);
      for (Index j = 0; j < cols; ++j)
        std::copy_n(values.begin() + j * n, used, out.begin() + j * n);
      return out;
    };
    Singles first = inside(triangle(n, 3), used);
    first.resize(n * n, 0.0F);
    for (const double size : {0.0, 1e-25, 1.0}) {
      Singles l = first, w = inside(Values(n * m, size), m);
      kernel.append_columns_single(n, m, l.data(), n, w.data(), n, l.data(), n);
      CHECK((l == first) == (size < 1.0));
      const Values columns = wide(l), rows = transpose(columns, n, n);
      for (const Values& lines : {columns, rows})
        CHECK(Values(lines.begin() + used * n, lines.end()) == Values((n - used) * n, 0.0));
    }
  });
}

TEST_CASE("append_columns_single: numbers beyond float32 are not taken for a triangle") {
  each_level([](const Table& kernel) {
    const Index n = kSingleRowPadding;
    Singles l = single(triangle(n, 4)), w(n, 1e30F);
    kernel.append_columns_single(n, 1, l.data(), n, w.data(), n, l.data(), n);
    bool finite = true;
    for (const float value : l) finite = finite && std::isfinite(value);
    CHECK_FALSE(finite);
  });
}

TEST_CASE("solve_single: the solution of the triangular equations, both ways, for all edges") {
  each_level([](const Table& kernel) {
    for (const Index n : {0, 1, 2, 5, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33, 47, 48, 49, 200})
      for (const bool transposed : {false, true}) {
        INFO("n " << n << (transposed ? ", transposed" : ""));
        const Index ld = n + 5;
        const Values l = triangle(n, 5), b = wide(single(normals(n, 6)));
        Singles held(n * ld, 9.0F), x = single(b);
        for (Index j = 0; j < n; ++j)
          for (Index i = j; i < n; ++i) held[j * ld + i] = static_cast<float>(l[j * n + i]);
        kernel.solve_single(transposed, n, held.data(), ld, x.data());
        const Values expected = solve(transposed ? transpose(l, n, n) : l, b, n, 1);
        CHECK(largest_difference(wide(x), expected) < 50.0 * kRound);
      }
  });
}
