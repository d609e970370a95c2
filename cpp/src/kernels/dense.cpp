// Products and triangular solves: Eigen's own, one call each.
#include "kernels/maps.hpp"

OVERPRUNE_BEGIN_LEVEL

void gemm(bool transpose_a, bool transpose_b, Size m, Size n, Size k, double alpha, const double* a, Size lda,
          const double* b, Size ldb, double beta, double* c, Size ldc) {
  MatrixMap out = map(c, m, n, ldc);
  if (beta == 0.0)
    out.setZero();
  else if (beta != 1.0)
    out *= beta;
  const ConstMatrixMap left = transpose_a ? map(a, k, m, lda) : map(a, m, k, lda);
  const ConstMatrixMap right = transpose_b ? map(b, n, k, ldb) : map(b, k, n, ldb);
  if (transpose_a && transpose_b)
    out.noalias() += alpha * left.transpose() * right.transpose();
  else if (transpose_a)
    out.noalias() += alpha * left.transpose() * right;
  else if (transpose_b)
    out.noalias() += alpha * left * right.transpose();
  else
    out.noalias() += alpha * left * right;
}

void gram(Size n, Size k, const double* a, Size lda, double* c, Size ldc) {
  map(c, n, n, ldc).selfadjointView<Eigen::Lower>().rankUpdate(map(a, k, n, lda).transpose());
}

void solve_triangular(bool lower, bool transpose, Size n, Size m, const double* t, Size ldt, double* b,
                      Size ldb) {
  const ConstMatrixMap triangle = map(t, n, n, ldt);
  MatrixMap x = map(b, n, m, ldb);
  if (lower && transpose)
    triangle.triangularView<Eigen::Lower>().transpose().solveInPlace(x);
  else if (lower)
    triangle.triangularView<Eigen::Lower>().solveInPlace(x);
  else if (transpose)
    triangle.triangularView<Eigen::Upper>().transpose().solveInPlace(x);
  else
    triangle.triangularView<Eigen::Upper>().solveInPlace(x);
}

OVERPRUNE_END_LEVEL
