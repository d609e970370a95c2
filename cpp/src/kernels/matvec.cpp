#include "kernels/matvec.hpp"

#include <Eigen/Householder>

#include "kernels/maps.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

using MutableVector = Eigen::Map<Eigen::VectorXd>;
using StridedVector = Eigen::Map<const Eigen::VectorXd, 0, Eigen::InnerStride<>>;

}  // namespace

void matvec(bool transpose, Size m, Size n, double alpha, const double* a, Size lda,
            const double* x, Size incx, double* y) {
  const ConstMatrixMap matrix = map(a, m, n, lda);
  if (transpose)
    MutableVector(y, n).noalias() += alpha * (matrix.transpose() * VectorMap(x, m));
  else
    MutableVector(y, m).noalias() +=
        alpha * (matrix * StridedVector(x, n, Eigen::InnerStride<>(incx)));
}

void symmetric_matvec(Size n, const double* a, Size lda, const double* x, double* y) {
  MutableVector(y, n).noalias() =
      map(a, n, n, lda).selfadjointView<Eigen::Lower>() * VectorMap(x, n);
}

void upper_matvec(Size n, const double* u, Size ldu, const double* x, double* y) {
  MutableVector(y, n).noalias() =
      map(u, n, n, ldu).triangularView<Eigen::Upper>() * VectorMap(x, n);
}

double dot(Size n, const double* x, const double* y) {
  return VectorMap(x, n).dot(VectorMap(y, n));
}

double stable_norm(Size n, const double* x) { return VectorMap(x, n).stableNorm(); }

double make_reflector(Size n, double* x, double* tau) {
  double beta = 0.0;
  MutableVector(x, n).makeHouseholderInPlace(*tau, beta);
  return beta;
}

void reflect_rows(Size m, Size n, const double* v, double tau, double* b, Size ldb, double* work) {
  map(b, m, n, ldb).applyHouseholderOnTheLeft(VectorMap(v, m - 1), tau, work);
}

OVERPRUNE_END_LEVEL
