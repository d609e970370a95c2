// Triangles of float32 for many columns: as accurate as those of float64, and given up where they
// would not be.
#include "solve/mixed_precision.hpp"

#include <cmath>

#include "kernels/table.hpp"
#include "overprune/least_squares.hpp"
#include "reference.hpp"
#include "solve/path_solver.hpp"
#include "testing.hpp"

using namespace overprune;
using namespace reference;

namespace {

constexpr Index kN = 768, kP = 1664;
const Indices kSizes = {800, 900, 1100, 1300, 1500, kP};

struct Solved {
  Values theta;  // (P, K m)
  SolveInfo info;
  Index narrowed, redone;
};

Index columns_of(const Values& x) { return static_cast<Index>(x.size()) / kN; }

Solved path(const Values& x, const Values& y, const Indices& sizes, double ridge = 0.0) {
  const Index m = static_cast<Index>(y.size()) / kN, count = static_cast<Index>(sizes.size());
  const Index p = columns_of(x);
  Solved out{Values(p * count * m), {}, 0, 0};
  PathSolver solver;
  solver.solve(ConstBlock{x.data(), kN, p, kN}, {y.data(), kN, m, kN}, sizes, ridge,
               {out.theta.data(), p, count * m, p}, &out.info, {});
  out.narrowed = solver.narrowed();
  out.redone = solver.redone();
  return out;
}

/// The largest distance between a path and its sizes one by one, which are always of float64,
/// relative to the solution and to its condition times float64's rounding.
double distance(const Values& x, const Values& y, const Indices& sizes, const Solved& found,
                double ridge = 0.0) {
  const Index m = static_cast<Index>(y.size()) / kN, p = columns_of(x);
  double largest = 0.0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const Solved alone = path(x, y, {sizes[i]}, ridge);
    REQUIRE(alone.narrowed == 0);
    CHECK(alone.info.rank[0] == found.info.rank[i]);
    // Estimates that begin where the size before left off lag behind.
    const double estimates = found.info.condition[i] / alone.info.condition[0];
    CHECK(estimates > 0.2);
    CHECK(estimates < 5.0);
    for (Index t = 0; t < m; ++t) {
      double apart = 0.0, size = 0.0;
      for (Index j = 0; j < p; ++j) {
        const double own = alone.theta[t * p + j];
        const double other = found.theta[(static_cast<Index>(i) * m + t) * p + j];
        apart = std::hypot(apart, own - other);
        size = std::hypot(size, own);
      }
      const double rounding = 1e-15 + 1e-16 * alone.info.condition[0];
      const double own = size == 0.0 ? apart : apart / size / rounding;
      if (!(own <= largest)) largest = own;
    }
  }
  return largest;
}

/// Normals times root(j) in column j.
template <class Root>
Values design(Root root) {
  Values x = normals(kN * kP, 1);
  for (Index j = 0; j < kP; ++j)
    for (Index i = 0; i < kN; ++i) x[j * kN + i] *= root(j);
  return x;
}

/// Where column j comes in a fixed disorder of all.
Index place(Index j) { return (j * 769 + 11) % kP; }

}  // namespace

TEST_CASE("float32 triangles give the solutions of float64: isotropic, two targets, ridge") {
  Values y = normals(2 * kN, 2);
  for (Index i = 0; i < kN; ++i) y[kN + i] *= 1e-9;  // a target must not hide behind a larger one
  const Values x = design([](Index) { return 1.0; });
  const Indices few = {800, 1100, 1400, kP};
  for (const double ridge : {0.0, 1e-3}) {
    INFO("ridge " << ridge);
    const Solved found = path(x, y, few, ridge);
    CHECK(found.narrowed >= 3);
    CHECK(found.redone == 0);
    CHECK(distance(x, y, few, found, ridge) < 20.0);
  }
}

TEST_CASE("float32 triangles give the solutions of float64: power laws, spikes, scales") {
  struct Case {
    const char* name;
    Index least;  // sizes in float32
    double (*root)(Index);
  };
  const Values y = normals(kN, 3);
  for (const Case& one :
       {Case{"i^-1", 4, [](Index j) { return std::pow(place(j) + 1.0, -0.5); }},
        Case{"i^-2", 0, [](Index j) { return 1.0 / (static_cast<double>(place(j)) + 1.0); }},
        Case{"a spike of 1e8 among the first", 0, [](Index j) { return j == 7 ? 1e4 : 1.0; }},
        Case{"a spike of 1e8 later", 3, [](Index j) { return j == 1200 ? 1e4 : 1.0; }},
        Case{"tiny", 6, [](Index j) { return j % 2 ? 1e-100 : 3e-100; }},
        Case{"huge", 6, [](Index j) { return j % 2 ? 1e100 : 3e100; }},
        Case{"some columns of 1e-100", 4, [](Index j) { return j % 50 ? 1.0 : 1e-100; }}}) {
    INFO(one.name);
    const Values x = design(one.root);
    const Solved found = path(x, y, kSizes);
    CHECK(found.narrowed >= one.least);
    CHECK(found.redone == 0);
    CHECK(distance(x, y, kSizes, found) < 20.0);
  }
}

TEST_CASE("float32 triangles before and after a large step") {
  const Values x = normals(kN * 2800, 9), y = normals(kN, 10);
  const Indices sizes = {800, 900, 2600, 2700, 2800};
  REQUIRE(WideSolver::leaps(kN, 900, 2600, WideSolver::batch_of(kN, 2800, 5)));
  const Solved found = path(x, y, sizes);
  CHECK(found.narrowed == 5);
  CHECK(distance(x, y, sizes, found) < 20.0);
}

TEST_CASE("float32 is given up where later columns are far larger, or beyond its range") {
  const Values y = normals(kN, 4);
  for (const double later : {1e6, 1e60}) {
    INFO("later columns times " << later);
    const Values x = design([&](Index j) { return j == 1200 ? later : 1.0; });
    const Solved found = path(x, y, kSizes);
    CHECK(found.narrowed == 3);  // 800, 900, 1100
    CHECK(distance(x, y, kSizes, found) < 20.0);
  }
}

TEST_CASE("float32 is given up where it contracts too slowly") {
  const Values x = design([](Index j) { return j >= 900 && j < 1200 ? 3000.0 : 1.0; }),
               y = normals(kN, 11);
  const Solved found = path(x, y, kSizes);
  CHECK(found.narrowed == 2);  // 800, 900
  CHECK(found.redone == 0);
  CHECK(distance(x, y, kSizes, found) < 20.0);
}

TEST_CASE(
    "float32 is not begun where the triangle is near singular, and ranks stay what they are") {
  const Values y = normals(kN, 5);
  Values steep = design([](Index j) { return std::pow(place(j) + 1.0, -2.0); });
  const Solved found = path(steep, y, kSizes);
  CHECK(found.narrowed == 0);
  CHECK(distance(steep, y, kSizes, found) < 20.0);
  Values twins =
      design([](Index) { return 1.0; });  // nearly equal columns leave too few directions
  for (Index j = 700; j < 1100; ++j)
    for (Index i = 0; i < kN; ++i)
      twins[j * kN + i] = twins[(j - 700) * kN + i] * (1.0 + 1e-9 * ((i * 31 + j * 17) % 64));
  const Solved near = path(twins, y, kSizes);
  CHECK(near.narrowed <= 3);
  CHECK(distance(twins, y, kSizes, near) < 20.0);
}

TEST_CASE("rows from 1e-100 to 1e100 are solved in float64") {
  Values x = design([](Index) { return 1.0; });
  for (Index j = 0; j < kP; ++j)
    for (Index i = 0; i < kN; ++i) x[j * kN + i] *= i % 5 == 0 ? 1e-100 : i % 5 == 1 ? 1e100 : 1.0;
  const Solved found = path(x, normals(kN, 6), {800, kP});
  CHECK(found.narrowed == 0);
  CHECK(found.redone == 2);
}

TEST_CASE("float32 triangles are the same bits with any number of threads, and stop when told to") {
  const Values x = design([](Index) { return 1.0; }), y = normals(kN, 8);
  const auto solve_with = [&](Index workers, const Poll& poll) {
    Values theta(kP * static_cast<Index>(kSizes.size()));
    least_squares_path(column_major(x.data(), kN, kP), column_major(y.data(), kN, 1), kSizes, 0.0,
                       theta.data(), nullptr, workers, poll);
    return theta;
  };
  int polls = 0;
  const Values alone = solve_with(1, [&] { ++polls; });
  for (const Index workers : {2, 3, 7}) CHECK(solve_with(workers, {}) == alone);
  struct Stop {};
  for (const int after : {1, polls / 2, polls - 1}) {
    int seen = 0;
    CHECK_THROWS_AS(solve_with(1,
                               [&] {
                                 if (++seen == after) throw Stop();
                               }),
                    Stop);
  }
}

TEST_CASE("what a matrix loses on the way to float32 and back is its rounding") {
  const Index n = 5, ld = 7;
  const Values before = normals(n * ld, 7);
  Values held = before;
  const BlockOf<float> single = narrow({held.data(), n, n, ld}, 0.5, true);
  for (Index j = 0; j < n; ++j)
    for (Index i = j; i < n; ++i)
      CHECK(single(i, j) == static_cast<float>(0.5 * before[j * ld + i]));
  widen_triangle({held.data(), n, n, ld}, 0.5);
  for (Index j = 0; j < n; ++j)
    for (Index i = 0; i < n; ++i)
      CHECK(
          held[j * ld + i] ==
          (i < j ? 0.0 : 2.0 * static_cast<double>(static_cast<float>(0.5 * before[j * ld + i]))));
  Values edges = {1e-40, -1e-31, 1e300, -1e300};
  const BlockOf<float> cut = narrow({edges.data(), 4, 1, 4}, 1.0, false);
  CHECK(cut(0, 0) == 0.0F);
  CHECK(cut(1, 0) == 0.0F);
  CHECK(cut(2, 0) > 1e38F);
  CHECK(cut(3, 0) < -1e38F);
}

TEST_CASE("float32 is left alone for few rows, one size, small steps and many targets") {
  const Indices sizes = {1100, 2000, 3000, 4000};
  CHECK(single_pays(1000, 1, sizes));
  CHECK_FALSE(single_pays(kSingleRows - 1, 1, sizes));
  CHECK_FALSE(single_pays(1000, 1, Indices{4000}));
  CHECK_FALSE(single_pays(1000, 1, Indices{3990, 3995, 4000}));
  CHECK_FALSE(single_pays(1000, 100, sizes));
  CHECK(padded_rows(9) == 16);
  CHECK(padded_rows(kSingleRows + 1) == kSingleRows + kernels::kSingleRowPadding);
}
