// Factorizations: Eigen's where it has them, and the block-Householder append it has not.
#include <algorithm>

#include "kernels/maps.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

constexpr Size kPanel = 32;

/// Annihilates column `c` of W (m, n) against R(c, c) and applies the reflector to columns c+1, ..., last-1.
/// The reflector's tail replaces the column of W; returns tau.
double reflect_column(MatrixMap& r, MatrixMap& w, Size c, Size last) {
  auto tail = w.col(c);
  const double alpha = r(c, c);
  const double norm2 = tail.squaredNorm();
  if (norm2 == 0.0) return 0.0;
  const double length = Eigen::numext::sqrt(alpha * alpha + norm2);
  const double beta = alpha > 0.0 ? -length : length;
  tail /= alpha - beta;
  r(c, c) = beta;
  const double tau = (beta - alpha) / beta;
  for (Size l = c + 1; l < last; ++l) {
    const double projection = tau * (r(c, l) + tail.dot(w.col(l)));
    r(c, l) -= projection;
    w.col(l) -= projection * tail;
  }
  return tau;
}

}  // namespace

bool cholesky(Size n, double* a, Size lda) {
  MatrixMap matrix = map(a, n, n, lda);
  Eigen::LLT<Eigen::Ref<Eigen::MatrixXd, 0, Stride>> factor(matrix);
  return factor.info() == Eigen::Success;
}

void qr(Size m, Size n, double* a, Size lda, double* tau) {
  MatrixMap matrix = map(a, m, n, lda);
  Eigen::HouseholderQR<Eigen::Ref<Eigen::MatrixXd, 0, Stride>> factor(matrix);
  Eigen::Map<Eigen::VectorXd>(tau, n) = factor.hCoeffs();
}

void apply_qt(Size m, Size n, Size k, const double* a, Size lda, const double* tau, double* b, Size ldb) {
  const ConstMatrixMap reflectors = map(a, m, n, lda);
  const Eigen::Map<const Eigen::VectorXd> coefficients(tau, n);
  map(b, m, k, ldb)
      .applyOnTheLeft(Eigen::householderSequence(reflectors, coefficients).setLength(n).adjoint());
}

// Every reflector is [e_c; v_c]: a unit vector on top of R and a full column of W below. Panels of columns
// are reduced one by one, then applied to the rest at once as I - V T' V' (LAPACK's TPQRT).
void append_rows(Size n, Size m, double* r, Size ldr, double* w, Size ldw) {
  MatrixMap triangle = map(r, n, n, ldr);
  MatrixMap rows = map(w, m, n, ldw);
  Eigen::MatrixXd t(kPanel, kPanel);
  Eigen::MatrixXd update(kPanel, n);
  for (Size first = 0; first < n; first += kPanel) {
    const Size width = n - first < kPanel ? n - first : kPanel;
    const Size rest = n - first - width;
    auto v = rows.middleCols(first, width);
    t.setZero();
    for (Size j = 0; j < width; ++j) {
      const double tau = reflect_column(triangle, rows, first + j, first + width);
      if (tau == 0.0) rows.col(first + j).setZero();
      t(j, j) = tau;
      if (j > 0 && tau != 0.0) {
        const Eigen::VectorXd overlap = -tau * (v.leftCols(j).transpose() * v.col(j));
        t.col(j).head(j) = t.topLeftCorner(j, j).triangularView<Eigen::Upper>() * overlap;
      }
    }
    if (rest == 0) continue;
    auto top = triangle.block(first, first + width, width, rest);
    auto bottom = rows.rightCols(rest);
    auto z = update.topLeftCorner(width, rest);
    z = top;
    z.noalias() += v.transpose() * bottom;
    z = t.topLeftCorner(width, width).triangularView<Eigen::Upper>().transpose() * z;
    top -= z;
    bottom.noalias() -= v * z;
  }
}

// Stewart's pivoted QLP decomposition: A = Q1 R P1', then R' = Q2 L' P2' with pivoting again. One pivoted QR
// may hide a small singular value (Kahan's matrix); the diagonal of L follows them closely. What is below the
// threshold is dropped from L, and the least-squares solution in the space of the rest has the smallest norm.
Size min_norm(Size m, Size n, Size k, const double* a, Size lda, const double* b, Size ldb, double rcond,
              double* x, Size ldx, double* condition) {
  const Size least = m < n ? m : n;
  const Eigen::ColPivHouseholderQR<Eigen::MatrixXd> first(map(a, m, n, lda));
  const Eigen::MatrixXd r = first.matrixQR().topRows(least).template triangularView<Eigen::Upper>();
  const Eigen::ColPivHouseholderQR<Eigen::MatrixXd> second(r.transpose());
  const auto pivots = second.matrixQR().diagonal();
  Size rank = 0;
  while (rank < least && Eigen::numext::abs(pivots(rank)) > rcond * Eigen::numext::abs(pivots(0))) ++rank;
  *condition = rank > 0 ? Eigen::numext::abs(pivots(0) / pivots(rank - 1)) : 1.0;
  MatrixMap solution = map(x, n, k, ldx);
  solution.setZero();
  if (rank == 0) return 0;

  Eigen::MatrixXd rhs = map(b, m, k, ldb);
  rhs.applyOnTheLeft(first.householderQ().setLength(least).adjoint());
  const Eigen::MatrixXd permuted = second.colsPermutation().transpose() * rhs.topRows(least);
  // L (least, rank) = (leading rows of the second triangle)'.
  const Eigen::MatrixXd upper = second.matrixQR().topRows(rank).template triangularView<Eigen::Upper>();
  const Eigen::HouseholderQR<Eigen::MatrixXd> lower(upper.transpose());
  Eigen::MatrixXd z = Eigen::MatrixXd::Zero(n, k);
  z.topRows(rank) = lower.solve(permuted);
  z.applyOnTheLeft(second.householderQ().setLength(least));
  solution = first.colsPermutation() * z;
  return rank;
}

bool symmetric_eigen(Size n, double* a, Size lda, double* values) {
  MatrixMap matrix = map(a, n, n, lda);
  Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(matrix);
  if (solver.info() != Eigen::Success) return false;
  Eigen::Map<Eigen::VectorXd>(values, n) = solver.eigenvalues();
  matrix = solver.eigenvectors();
  return true;
}

bool tridiagonalize(Size n, double* a, Size lda, double* diagonal, double* off, double* values, Size m,
                    double* b, Size ldb) {
  Eigen::Map<Eigen::VectorXd> main(diagonal, n), below(off, n - 1);
  const Eigen::Tridiagonalization<Eigen::MatrixXd> reduced(map(a, n, n, lda));
  main = reduced.diagonal();
  below = reduced.subDiagonal();
  map(b, n, m, ldb).applyOnTheLeft(reduced.matrixQ().adjoint());
  Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver;
  // Its test for small off-diagonal entries takes the matrix to be of order one.
  const double largest = std::max(main.cwiseAbs().maxCoeff(), n > 1 ? below.cwiseAbs().maxCoeff() : 0.0);
  const double scale = largest > 0.0 ? largest : 1.0;
  solver.computeFromTridiagonal(main / scale, below / scale, Eigen::EigenvaluesOnly);
  if (solver.info() != Eigen::Success) return false;
  Eigen::Map<Eigen::VectorXd>(values, n) = scale * solver.eigenvalues();
  return true;
}

OVERPRUNE_END_LEVEL
