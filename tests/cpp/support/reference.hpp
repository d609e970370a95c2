// Slow, plain references for the tests, and random matrices to feed them.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "overprune/random.hpp"
#include "overprune/types.hpp"

namespace reference {

using overprune::Index;
using Values = std::vector<double>;

inline Values normals(Index count, std::uint64_t stream) {
  Values out(count);
  overprune::standard_normal({7, stream}, 0, count, out.data());
  return out;
}

/// C (m, n) = A (m, k) B (k, n), all column-major and contiguous.
inline Values product(const Values& a, const Values& b, Index m, Index k, Index n) {
  Values c(m * n, 0.0);
  for (Index j = 0; j < n; ++j)
    for (Index l = 0; l < k; ++l)
      for (Index i = 0; i < m; ++i) c[j * m + i] += a[l * m + i] * b[j * k + l];
  return c;
}

inline Values transpose(const Values& a, Index m, Index n) {
  Values t(m * n);
  for (Index j = 0; j < n; ++j)
    for (Index i = 0; i < m; ++i) t[i * n + j] = a[j * m + i];
  return t;
}

/// NaN where one of the differences is.
inline double largest_difference(const Values& a, const Values& b) {
  double largest = 0.0;
  for (std::size_t i = 0; i < a.size() && !std::isnan(largest); ++i)
    if (const double own = std::abs(a[i] - b[i]); !(own <= largest)) largest = own;
  return largest;
}

/// x (n, m) with A x = B for a square A (n, n): Gaussian elimination with partial pivoting.
inline Values solve(Values a, Values b, Index n, Index m) {
  for (Index c = 0; c < n; ++c) {
    Index pivot = c;
    for (Index i = c; i < n; ++i)
      if (std::abs(a[c * n + i]) > std::abs(a[c * n + pivot])) pivot = i;
    for (Index j = 0; j < n; ++j) std::swap(a[j * n + c], a[j * n + pivot]);
    for (Index j = 0; j < m; ++j) std::swap(b[j * n + c], b[j * n + pivot]);
    for (Index i = 0; i < n; ++i) {
      if (i == c) continue;
      const double factor = a[c * n + i] / a[c * n + c];
      for (Index j = c; j < n; ++j) a[j * n + i] -= factor * a[j * n + c];
      for (Index j = 0; j < m; ++j) b[j * n + i] -= factor * b[j * n + c];
    }
  }
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < m; ++j) b[j * n + i] /= a[i * n + i];
  return b;
}

/// Minimum-norm least squares of a full-rank X (n, k) by the normal equations of the smaller side.
inline Values minimum_norm(const Values& x, const Values& y, Index n, Index k, Index m,
                           double ridge = 0.0) {
  const Values xt = transpose(x, n, k);
  if (k <= n || ridge > 0.0) {
    Values gram = product(xt, x, k, n, k);
    for (Index i = 0; i < k; ++i) gram[i * k + i] += ridge * static_cast<double>(n);
    return solve(gram, product(xt, y, k, n, m), k, m);
  }
  return product(xt, solve(product(x, xt, n, k, n), y, n, m), k, n, m);
}

}  // namespace reference
