#include "overprune/least_squares.hpp"

#include <cmath>
#include <limits>
#include <span>
#include <stdexcept>

#include "reference.hpp"
#include "solve/path_solver.hpp"
#include "solve/rank.hpp"
#include "testing.hpp"

using namespace overprune;
using namespace reference;

namespace {

/// Column `t` of size `i` of a (K, p, m) result, as (p, m) column-major.
Values at(const Values& path, Index i, Index p, Index m) {
  Values out(p * m);
  for (Index t = 0; t < m; ++t)
    for (Index j = 0; j < p; ++j) out[t * p + j] = path[(i * p + j) * m + t];
  return out;
}

/// The first k columns' solution, zero-padded to (p, m).
Values padded(const Values& theta, Index k, Index p, Index m) {
  Values out(p * m, 0.0);
  for (Index t = 0; t < m; ++t) std::copy_n(theta.begin() + t * k, k, out.begin() + t * p);
  return out;
}

}  // namespace

TEST_CASE("the path equals the normal equations at every size, with and without ridge") {
  const Index n = 25, p = 90, m = 2;
  const Values x = normals(n * p, 1), y = normals(n * m, 2);
  Indices sizes;
  for (Index k = 1; k <= p; ++k) sizes.push_back(k);
  for (const double ridge : {0.0, 0.3}) {
    Values path(p * p * m);
    SolveInfo info;
    least_squares_path(column_major(x.data(), n, p), column_major(y.data(), n, m), sizes, ridge,
                       path.data(), &info);
    for (Index k = 1; k <= p; ++k) {
      INFO("k " << k << ", ridge " << ridge);
      const Values first(x.begin(), x.begin() + n * k);
      const Values expected = padded(minimum_norm(first, y, n, k, m, ridge), k, p, m);
      const double tolerance = std::abs(k - n) < 3 && ridge == 0.0 ? 1e-7 : 1e-10;
      CHECK(largest_difference(at(path, k - 1, p, m), expected) < tolerance);
      CHECK(info.rank[k - 1] == (ridge > 0.0 ? k : std::min(k, n)));
      CHECK(info.condition[k - 1] >= 1.0);
    }
  }
}

// The rank-revealing way would make good whatever a wrong triangle spoils: it must not be needed.
TEST_CASE(
    "a large step after small ones, with nobody asking for conditions, equals single solves") {
  const Index n = 41, p = 300;
  const Values x = normals(n * p, 1), y = normals(n, 2);
  const Indices sizes = {30, 44, 50, 55, 61, 200, 290, 300};
  PathSolver solver;
  for (const double ridge : {0.0, 0.1}) {
    Values path(static_cast<Index>(sizes.size()) * p);
    solver.solve(ConstBlock{x.data(), n, p, n}, {y.data(), n, 1, n}, sizes, ridge,
                 {path.data(), p, static_cast<Index>(sizes.size()), p}, nullptr, {});
    CHECK(solver.redone() == 0);
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      INFO("size " << sizes[i] << ", ridge " << ridge);
      Values alone(sizes[i]);
      least_squares(column_major(x.data(), n, sizes[i]), column_major(y.data(), n, 1), ridge,
                    column_major(alone.data(), sizes[i], 1), nullptr);
      const Values own(path.begin() + static_cast<Index>(i) * p,
                       path.begin() + static_cast<Index>(i + 1) * p);
      CHECK(largest_difference(own, padded(alone, sizes[i], p, 1)) < 1e-12);
    }
  }
}

TEST_CASE(
    "leading blocks are trusted up to the first that is singular to rounding, wherever it hides") {
  // Two bidiagonal blocks with smallest singular values of about 10^-(size - 1) behind a row
  // orthogonal to both.
  const Index first = 1, block = 20, k = first + 2 * block;
  Values lower(k * k, 0.0);
  std::vector<double> norms(k, 1.0);
  for (Index j = 0; j < k; ++j) {
    lower[j * k + j] = 1.0;
    if (j == 0 || j % block == first) continue;
    lower[(j - 1) * k + j] = -10.0;
    norms[j] = std::sqrt(101.0);
  }
  const Indices sizes = {1, 4, 7, 15, 19, 21, 30, 41};
  TriangleJudge judge;
  for (const RowUnit unit : {RowUnit::largest, RowUnit::own}) {
    CHECK(judge.trusted({lower.data(), k, k, k}, norms, sizes, kOrthogonalFloor, unit) == 3);
    CHECK(judge.trusted({lower.data(), k, k, k}, norms, std::span(sizes).first(3), kOrthogonalFloor,
                        unit) == 3);
  }
  norms[2] = 1e8;  // beside which the pivot is small
  CHECK(judge.trusted({lower.data(), k, k, k}, norms, sizes, kOrthogonalFloor, RowUnit::own) == 1);
}

TEST_CASE("strided views give the contiguous answer") {
  const Index n = 6, p = 9;
  const Values x = normals(n * p, 1), y = normals(n, 2), xt = transpose(x, n, p);
  Values straight(p), flipped(p);
  least_squares(column_major(x.data(), n, p), {y.data(), n, 1, 1, n}, 0.0,
                {straight.data(), p, 1, 1, p});
  // Rows of xt are the columns of x, read backwards with negative strides.
  const ConstMatrix backwards{xt.data() + p * n - 1, n, p, -p, -1};
  const ConstMatrix y_backwards{y.data() + n - 1, n, 1, -1, n};
  least_squares(backwards, y_backwards, 0.0, {flipped.data() + p - 1, p, 1, -1, p});
  CHECK(largest_difference(straight, flipped) < 1e-13);
}

TEST_CASE("X is solved to the same bits however it lies, and stays as it is") {
  const Index n = 20, p = 50, ld = 27;
  const Indices sizes{7, 20, 30, 50};
  const Values x = normals(n * p, 1), y = normals(2 * n, 2), xt = transpose(x, n, p);
  const auto solve = [&](ConstMatrix view) {
    Values theta(static_cast<Index>(sizes.size()) * p * 2);
    SolveInfo info;
    least_squares_path(view, {y.data(), n, 2, 1, n}, sizes, 0.0, theta.data(), &info);
    theta.insert(theta.end(), info.condition.begin(), info.condition.end());
    return theta;
  };
  Values apart(1 + ld * p, std::numeric_limits<double>::quiet_NaN());  // NaN between the columns
  for (Index j = 0; j < p; ++j) std::copy_n(x.data() + j * n, n, apart.data() + 1 + j * ld);
  const Values before = x, expected = solve(row_major(xt.data(), n, p));  // which is copied
  CHECK(solve(column_major(x.data(), n, p)) == expected);
  CHECK(solve({apart.data() + 1, n, p, 1, ld}) == expected);
  CHECK(x == before);
  Values large = x;  // which is copied, for it is scaled
  for (double& value : large) value *= 0x1p400;
  Values scaled = solve(column_major(large.data(), n, p));
  for (std::size_t i = 0; i + sizes.size() < scaled.size(); ++i) scaled[i] *= 0x1p400;
  CHECK(scaled == expected);
}

TEST_CASE("exactly rank-deficient designs: minimum norm and the right rank") {
  const Index n = 10, p = 24, rank = 4;
  const Values x = product(normals(n * rank, 1), normals(rank * p, 2), n, rank, p),
               y = normals(n, 3);
  const Values xt = transpose(x, n, p);
  for (const Index k : {Index{7}, Index{10}, Index{24}}) {
    Values theta(p);
    SolveInfo info;
    least_squares_path(column_major(x.data(), n, p), {y.data(), n, 1, 1, n}, {k}, 0.0, theta.data(),
                       &info);
    CHECK(info.rank[0] == rank);
    Values residual = product(x, theta, n, p, 1);
    for (Index i = 0; i < n; ++i) residual[i] = y[i] - residual[i];
    const Values gradient = product(xt, residual, p, n, 1);
    for (Index j = 0; j < k; ++j) CHECK(std::abs(gradient[j]) < 1e-10);
    double norm = 0.0;
    for (const double t : theta) norm += t * t;
    CHECK(norm < 100.0);  // a solution with a null-space part would be huge
  }
}

TEST_CASE("columns of zeros have no coefficients, and the others those that they have alone") {
  const Index n = 10, p = 40, kept = 7;
  const Values columns = normals(n * kept, 1), y = normals(n, 2);
  Values x(n * p, 0.0);
  for (Index c = 0; c < kept; ++c)
    std::copy_n(columns.begin() + c * n, n, x.begin() + (3 + 5 * c) * n);
  for (const double ridge : {0.0, 0.2}) {
    Values theta(p), expected(p, 0.0);
    SolveInfo info;
    least_squares(column_major(x.data(), n, p), column_major(y.data(), n, 1), ridge,
                  column_major(theta.data(), p, 1), &info);
    const Values alone = minimum_norm(columns, y, n, kept, 1, ridge);
    for (Index c = 0; c < kept; ++c) expected[3 + 5 * c] = alone[c];
    CHECK(largest_difference(theta, expected) < 1e-12);
    CHECK(info.rank[0] == (ridge > 0.0 ? p : kept));
  }
  const Values zeros(n * p, 0.0);
  Values theta(p, 1.0);
  SolveInfo info;
  least_squares(column_major(zeros.data(), n, p), column_major(y.data(), n, 1), 0.0,
                column_major(theta.data(), p, 1), &info);
  CHECK(theta == Values(p, 0.0));
  CHECK(info.rank[0] == 0);
}

TEST_CASE("retraining equals least squares on the gathered columns, for s on both sides of n") {
  const Index n = 20, p = 50;
  const Values x = normals(n * p, 1), y = normals(n, 2);
  Indices order(p), nonzeros = {1, 5, 19, 20, 21, 50};
  for (Index i = 0; i < p; ++i) order[i] = (i * 7) % p;
  for (const double ridge : {0.0, 0.2}) {
    Values path(nonzeros.size() * p);
    retrain_path(column_major(x.data(), n, p), {y.data(), n, 1, 1, n}, order, nonzeros, ridge,
                 path.data());
    for (std::size_t i = 0; i < nonzeros.size(); ++i) {
      const Index s = nonzeros[i];
      Values columns;
      for (Index j = 0; j < s; ++j)
        columns.insert(columns.end(), x.begin() + order[j] * n, x.begin() + (order[j] + 1) * n);
      const Values solution = minimum_norm(columns, y, n, s, 1, ridge);
      Values expected(p, 0.0);
      for (Index j = 0; j < s; ++j) expected[order[j]] = solution[j];
      const double tolerance = std::abs(s - n) < 2 && ridge == 0.0 ? 1e-6 : 1e-10;
      CHECK(largest_difference(at(path, static_cast<Index>(i), p, 1), expected) < tolerance);
    }
  }
}

TEST_CASE("retraining survives nearly equal columns, where a Gram matrix would not") {
  const Index n = 30, p = 10;
  Values x = normals(n * p, 1);
  const Values noise = normals(n, 2), y = normals(n, 3);
  for (Index i = 0; i < n; ++i) x[9 * n + i] = x[i] + 1e-8 * noise[i];
  Indices order(p);
  for (Index i = 0; i < p; ++i) order[i] = i;
  Values retrained(p), direct(p);
  retrain_path(column_major(x.data(), n, p), {y.data(), n, 1, 1, n}, order, {p}, 0.0,
               retrained.data());
  least_squares(column_major(x.data(), n, p), {y.data(), n, 1, 1, n}, 0.0,
                {direct.data(), p, 1, 1, p});
  const Values fit = product(x, retrained, n, p, 1), expected = product(x, direct, n, p, 1);
  CHECK(largest_difference(fit, expected) < 1e-7);
}

TEST_CASE("huge and tiny scales") {
  const Index n = 8, p = 12;
  const Values x = normals(n * p, 1), y = normals(n, 2);
  Values base(p), scaled(p);
  least_squares(column_major(x.data(), n, p), {y.data(), n, 1, 1, n}, 0.0,
                {base.data(), p, 1, 1, p});
  for (const double factor : {1e-200, 1e200}) {
    Values scaled_x = x;
    for (double& v : scaled_x) v *= factor;
    least_squares(column_major(scaled_x.data(), n, p), {y.data(), n, 1, 1, n}, 0.0,
                  {scaled.data(), p, 1, 1, p});
    for (Index j = 0; j < p; ++j)
      CHECK(scaled[j] * factor == testing::Approx(base[j]).epsilon(1e-12));
  }
}

TEST_CASE("bad input is named") {
  const Values x = normals(6, 1), y = normals(3, 2);
  Values theta(2), nan = x;
  nan[4] = std::numeric_limits<double>::quiet_NaN();
  const ConstMatrix design = column_major(x.data(), 3, 2), response = column_major(y.data(), 3, 1);
  const Matrix out{theta.data(), 2, 1, 1, 2};
  CHECK_THROWS_WITH_AS(least_squares(design, column_major(y.data(), 2, 1), 0.0, out),
                       "y must have length 3, got 2", std::invalid_argument);
  CHECK_THROWS_WITH_AS(least_squares(design, response, -1.0, out),
                       "ridge must be finite and at least 0, got -1", std::invalid_argument);
  CHECK_THROWS_AS(least_squares(column_major(nan.data(), 3, 2), response, 0.0, out),
                  std::invalid_argument);
  CHECK_THROWS_AS(least_squares_path(design, response, {1, 3}, 0.0, theta.data()),
                  std::invalid_argument);
  CHECK_THROWS_AS(least_squares_path(design, response, {2, 2}, 0.0, theta.data()),
                  std::invalid_argument);
  CHECK_THROWS_AS(retrain_path(design, response, {0, 0}, {1}, 0.0, theta.data()),
                  std::invalid_argument);
  CHECK_THROWS_AS(retrain_path(design, response, {0, 2}, {1}, 0.0, theta.data()),
                  std::invalid_argument);
}
