#include "kernels/matvec.hpp"

#include <Eigen/Householder>

#include "kernels/maps.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

using MutableVector = Eigen::Map<Eigen::VectorXd>;

template <class T>
void add_product_of(bool transpose, Size m, Size n, T alpha, const T* a, Size lda, const T* x,
                    Size incx, T* y) {
  using Values = Eigen::Matrix<T, Eigen::Dynamic, 1>;
  using Entries = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
  const Eigen::Map<const Entries, 0, Stride> matrix(a, m, n, Stride(lda));
  if (transpose)
    Eigen::Map<Values>(y, n).noalias() +=
        alpha * (matrix.transpose() * Eigen::Map<const Values>(x, m));
  else
    Eigen::Map<Values>(y, m).noalias() +=
        alpha * (matrix * Eigen::Map<const Values, 0, Eigen::InnerStride<>>(
                              x, n, Eigen::InnerStride<>(incx)));
}

}  // namespace

void matvec(bool transpose, Size m, Size n, double alpha, const double* a, Size lda,
            const double* x, Size incx, double* y) {
  add_product_of(transpose, m, n, alpha, a, lda, x, incx, y);
}

void matvec(bool transpose, Size m, Size n, float alpha, const float* a, Size lda, const float* x,
            Size incx, float* y) {
  add_product_of(transpose, m, n, alpha, a, lda, x, incx, y);
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
