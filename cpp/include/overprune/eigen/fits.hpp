// Training, pruning and retraining on Eigen's matrices. Part of overprune/eigen.hpp.
#pragma once

#include <Eigen/Core>
#include <functional>

#include "overprune/eigen/views.hpp"
#include "overprune/least_squares.hpp"
#include "overprune/pruning.hpp"

namespace overprune {

namespace eigen_detail {

/// Models in C order (count, p, m), written by `solve`, as columns (p, count m).
template <class Solve>
Eigen::MatrixXd as_columns(Index count, Index p, Index m, const Solve& solve) {
  using Columns = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::ColMajor>;
  using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  if (m == 1) {
    Columns theta = sized<Columns>(p, count);
    solve(theta.data());
    return theta;
  }
  Rows buffer = sized<Rows>(count * p, m);
  solve(buffer.data());
  Eigen::MatrixXd theta = sized<Eigen::MatrixXd>(p, count * m);
  for (Index i = 0; i < count; ++i)
    theta.middleCols(Eigen::Index(i * m), Eigen::Index(m)) =
        buffer.middleRows(Eigen::Index(i * p), Eigen::Index(p));
  return theta;
}

}  // namespace eigen_detail

/// theta = X^+ y, of minimum norm where that is not unique; see least_squares.hpp.
/// @param x      (n, p), finite
/// @param y      (n) or (n, m), finite
/// @param ridge  at least 0
/// @param info   if not null, receives rank and condition
/// @param workers  threads, at least 1
/// @return (p) for a vector y, else (p, m)
/// @throws std::invalid_argument for empty or non-finite input, mismatched shapes, negative ridge
template <EigenDense X, EigenDense Y>
eigen_detail::Model<Y> least_squares(const X& x, const Y& y, double ridge = 0.0,
                                     SolveInfo* info = nullptr, Index workers = 1) {
  const eigen_detail::Held<X> held_x(x);
  const eigen_detail::Held<Y> held_y(y);
  auto theta = eigen_detail::sized<eigen_detail::Model<Y>>(x.cols(), y.cols());
  least_squares(held_x.matrix(), held_y.matrix(), ridge, eigen_detail::writable(theta), info,
                workers);
  return theta;
}

/// The same for the first k columns of x, for every k of `sizes`, from one factorization.
/// @param x      (n, p), finite
/// @param y      (n) or (n, m), finite
/// @param sizes  (K) strictly increasing in [1, p]
/// @param ridge  at least 0
/// @param info   if not null, receives rank and condition of each size
/// @param workers  threads, at least 1
/// @param poll   called between sizes; may throw to stop
/// @return (p, K m): column i m + t is the model of size i and target t, zero from row k on
/// @throws std::invalid_argument as least_squares, and for sizes out of range
template <EigenDense X, EigenDense Y>
Eigen::MatrixXd least_squares_path(const X& x, const Y& y, const Indices& sizes, double ridge = 0.0,
                                   SolveInfo* info = nullptr, Index workers = 1,
                                   const std::function<void()>& poll = {}) {
  const eigen_detail::Held<X> held_x(x);
  const eigen_detail::Held<Y> held_y(y);
  return eigen_detail::as_columns(Index(sizes.size()), x.cols(), y.cols(), [&](double* theta) {
    least_squares_path(held_x.matrix(), held_y.matrix(), sizes, ridge, theta, info, workers, poll);
  });
}

/// Retraining on the first s columns of `order`, for every s of `nonzeros`, from one Gram matrix.
/// @param x         (n, p), finite
/// @param y         (n) or (n, m), finite
/// @param order     at least max(nonzeros) distinct indices in [0, p)
/// @param nonzeros  (S) strictly increasing, at least 1
/// @param ridge     at least 0
/// @param workers   threads, at least 1
/// @param poll      called between sizes; may throw to stop
/// @return (p, S m): column i m + t is the model of s_i nonzeros and target t, zero off the support
/// @throws std::invalid_argument as least_squares, and for an order or nonzeros out of range
template <EigenDense X, EigenDense Y>
Eigen::MatrixXd retrain_path(const X& x, const Y& y, const Indices& order, const Indices& nonzeros,
                             double ridge = 0.0, Index workers = 1,
                             const std::function<void()>& poll = {}) {
  const eigen_detail::Held<X> held_x(x);
  const eigen_detail::Held<Y> held_y(y);
  return eigen_detail::as_columns(Index(nonzeros.size()), x.cols(), y.cols(), [&](double* theta) {
    retrain_path(held_x.matrix(), held_y.matrix(), order, nonzeros, ridge, theta, workers, poll);
  });
}

/// Scores of the rule `magnitude`, the norms of the rows, or `hessian`, their squares times the
/// curvature.
/// @param rule       one of the two
/// @param theta      (k) or (k, m)
/// @param curvature  (k) Sigma_ii; read by `hessian` only
/// @return (k)
/// @throws std::invalid_argument for other rules or lengths that do not match
template <EigenDense T, EigenDense C = Eigen::VectorXd>
Eigen::VectorXd importance(Rule rule, const T& theta, const C& curvature = C()) {
  const eigen_detail::Held<T> held_theta(theta);
  const eigen_detail::Held<C> held_curvature(curvature);
  auto scores = eigen_detail::sized<Eigen::VectorXd>(theta.rows(), 1);
  importance(rule, held_theta.matrix(), held_curvature.vector("curvature"),
             eigen_detail::writable_vector(scores));
  return scores;
}

/// Indices of the k largest scores, ascending; of equal scores the lower index wins.
/// @param scores  (p) may hold infinities
/// @param k       0 <= k <= p
/// @return (k)
/// @throws std::invalid_argument where a score is NaN or k is out of range
template <EigenDense T>
Indices top_k(const T& scores, Index k) {
  return top_k(eigen_detail::Held<T>(scores).vector("scores"), k);
}

/// The same in order of falling score, so that the first s are the s largest for every s <= k.
/// @param scores  (p) may hold infinities
/// @param k       0 <= k <= p
/// @return (k)
/// @throws std::invalid_argument where a score is NaN or k is out of range
template <EigenDense T>
Indices top_k_order(const T& scores, Index k) {
  return top_k_order(eigen_detail::Held<T>(scores).vector("scores"), k);
}

/// top_k of |theta_i|.
/// @param theta  (p)
/// @param k      0 <= k <= p
/// @return (k) ascending
/// @throws std::invalid_argument where a coefficient is NaN or k is out of range
template <EigenDense T>
Indices top_k_magnitude(const T& theta, Index k) {
  return top_k_magnitude(eigen_detail::Held<T>(theta).vector("theta"), k);
}

/// Keeps the rows of theta on the support and zeroes the others.
/// @param theta    (p) or (p, m)
/// @param support  (s) indices in [0, p), such as those of `top_k`
/// @return as theta
/// @throws std::invalid_argument for an index out of range
template <EigenDense T>
eigen_detail::Model<T> prune(const T& theta, const Indices& support) {
  const eigen_detail::Held<T> held_theta(theta);
  auto pruned = eigen_detail::sized<eigen_detail::Model<T>>(theta.rows(), theta.cols());
  prune(held_theta.matrix(), support, eigen_detail::writable(pruned));
  return pruned;
}

/// Deletes the rows off the support and lets the others make up for them (optimal brain surgeon).
/// @param theta    (p) or (p, m)
/// @param support  (s) distinct indices in [0, p), at least one
/// @param hessian  (p, p) symmetric and positive semidefinite
/// @return as theta
/// @throws std::invalid_argument for mismatched, non-finite or unsymmetric input or a support out
/// of range
template <EigenDense T, EigenDense H>
eigen_detail::Model<T> compensate(const T& theta, const Indices& support, const H& hessian) {
  const eigen_detail::Held<T> held_theta(theta);
  const eigen_detail::Held<H> held_hessian(hessian);
  auto kept = eigen_detail::sized<eigen_detail::Model<T>>(theta.rows(), theta.cols());
  compensate(held_theta.matrix(), support, held_hessian.matrix(), eigen_detail::writable(kept));
  return kept;
}

}  // namespace overprune
