// Triangular solves: small blocks by Eigen, the rest products.
#include "kernels/maps.hpp"

OVERPRUNE_BEGIN_LEVEL

namespace {

template <class Right>
void solve_small(bool lower, bool transpose, Size n, const double* t, Size ldt, Right x) {
  const ConstMatrixMap triangle = map(t, n, n, ldt);
  if (lower && transpose)
    triangle.triangularView<Eigen::Lower>().transpose().solveInPlace(x);
  else if (lower)
    triangle.triangularView<Eigen::Lower>().solveInPlace(x);
  else if (transpose)
    triangle.triangularView<Eigen::Upper>().transpose().solveInPlace(x);
  else
    triangle.triangularView<Eigen::Upper>().solveInPlace(x);
}

}  // namespace

void solve_block(bool lower, bool transpose, Size n, Size m, const double* t, Size ldt, double* b,
                 Size ldb) {
  solve_small(lower, transpose, n, t, ldt, map(b, n, m, ldb));
}

// Blocks small enough for Eigen to pack them on the stack; the rest is products.
void solve_triangular(bool lower, bool transpose, Size n, Size m, const double* t, Size ldt,
                      double* b, Size ldb) {
  constexpr Size block = 64, most = 64;
  if (n * n >= kWorthALook) look();
  if (m < 4) {  // one by one is faster
    for (Size j = 0; j < m; ++j)
      solve_small(lower, transpose, n, t, ldt, Eigen::Map<Eigen::VectorXd>(b + j * ldb, n));
    return;
  }
  const bool forward = lower != transpose;
  const Size blocks = (n + block - 1) / block;
  for (Size q = 0; q < blocks; ++q) {
    const Size first = block * (forward ? q : blocks - 1 - q);
    const Size width = n - first < block ? n - first : block;
    for (Size column = 0; column < m; column += most)
      solve_block(lower, transpose, width, m - column < most ? m - column : most,
                  t + first * (ldt + 1), ldt, b + first + column * ldb, ldb);
    const Size next = forward ? first + width : 0, rest = forward ? n - next : first;
    if (rest == 0) continue;
    const double* beside = transpose ? t + first + next * ldt : t + next + first * ldt;
    gemm(transpose, false, rest, m, width, -1.0, beside, ldt, b + first, ldb, 1.0, b + next, ldb);
  }
}

OVERPRUNE_END_LEVEL
