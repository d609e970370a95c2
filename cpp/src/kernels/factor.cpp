// Factorizations that Eigen has.
#include <algorithm>

#include "kernels/maps.hpp"

OVERPRUNE_BEGIN_LEVEL
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
