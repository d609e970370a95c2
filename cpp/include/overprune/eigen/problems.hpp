// Problems, random features and random numbers with Eigen's matrices. Part of overprune/eigen.hpp.
#pragma once

#include <Eigen/Core>
#include <stdexcept>
#include <string>

#include "overprune/eigen/views.hpp"
#include "overprune/features.hpp"
#include "overprune/problem.hpp"
#include "overprune/random.hpp"

namespace overprune {

/// Random features phi(inputs weights' + 1 bias').
/// @param inputs      (n, d)
/// @param weights     (p, d)
/// @param activation  phi
/// @param bias        (p), or empty for none
/// @param workers     threads, at least 1
/// @return (n, p)
/// @throws std::invalid_argument for shapes that do not match or non-finite entries
template <EigenDense A, EigenDense W, EigenDense B = Eigen::VectorXd>
Eigen::MatrixXd random_features(const A& inputs, const W& weights,
                                const ScalarFunction& activation = Activation::relu,
                                const B& bias = B(), Index workers = 1) {
  const eigen_detail::Held<A> held_inputs(inputs);
  const eigen_detail::Held<W> held_weights(weights);
  const eigen_detail::Held<B> held_bias(bias);
  auto features = eigen_detail::sized<Eigen::MatrixXd>(inputs.rows(), weights.rows());
  random_features(held_inputs.matrix(), held_weights.matrix(), activation, held_bias.vector("bias"),
                  eigen_detail::writable(features), workers);
  return features;
}

/// Standard normals, the numbers of Python's standard_normal((rows, cols)): row after row.
/// @param key   seed, stream and purpose
/// @param rows  at least 0
/// @param cols  at least 0
/// @param workers  threads, at least 1
/// @return (rows, cols)
/// @throws std::invalid_argument for negative extents
inline Eigen::MatrixXd standard_normal(StreamKey key, Index rows, Index cols = 1,
                                       Index workers = 1) {
  using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  if (rows < 0 || cols < 0)
    throw std::invalid_argument("rows and cols must be at least 0, got (" + std::to_string(rows) +
                                ", " + std::to_string(cols) + ")");
  Rows values = eigen_detail::sized<Rows>(rows, cols);
  standard_normal(key, 0, rows * cols, values.data(), workers);
  return values;
}

/// The problem x ~ N(0, Sigma), y = beta'x + noise.
/// @param beta        (p) or (p, m)
/// @param covariance  a vector (p) of the variances of independent features, or (p, p)
/// @param noise_std   standard deviation of the noise, at least 0
/// @return a problem that holds copies
/// @throws std::invalid_argument for mismatched, non-finite, negative, unsymmetric or indefinite
/// input
template <EigenDense B, EigenDense S>
LinearGaussianProblem linear_gaussian_problem(const B& beta, const S& covariance,
                                              double noise_std) {
  const eigen_detail::Held<B> held_beta(beta);
  const eigen_detail::Held<S> held(covariance);
  if constexpr (S::IsVectorAtCompileTime)
    return {held_beta.matrix(), held.vector("covariance"), noise_std};
  else
    return {held_beta.matrix(), held.matrix(), noise_std};
}

/// The same with noise of a covariance.
/// @param beta              (p, m)
/// @param covariance        a vector (p) of the variances of independent features, or (p, p)
/// @param noise_covariance  (m, m) symmetric and positive semidefinite
/// @return a problem that holds copies
/// @throws std::invalid_argument for mismatched, non-finite, negative, unsymmetric or indefinite
/// input
template <EigenDense B, EigenDense S, EigenDense N>
LinearGaussianProblem linear_gaussian_problem(const B& beta, const S& covariance,
                                              const N& noise_covariance) {
  const eigen_detail::Held<B> held_beta(beta);
  const eigen_detail::Held<S> held(covariance);
  const eigen_detail::Held<N> held_noise(noise_covariance);
  if constexpr (S::IsVectorAtCompileTime)
    return {held_beta.matrix(), held.vector("covariance"), held_noise.matrix()};
  else
    return {held_beta.matrix(), held.matrix(), held_noise.matrix()};
}

/// Rows of data.
struct EigenSample {
  Eigen::MatrixXd x;  ///< (n, p)
  Eigen::MatrixXd y;  ///< (n, m)
};

/// n rows of a problem: a pure function of its arguments.
/// @param problem  to draw from
/// @param n        rows, at least 1
/// @param seed     key of the numbers
/// @param stream   which of the seed's samples
/// @return x and y
/// @throws std::invalid_argument for n < 1
inline EigenSample sample(const LinearGaussianProblem& problem, Index n, std::uint64_t seed,
                          std::uint64_t stream = 0) {
  if (n < 1) throw std::invalid_argument("n must be at least 1, got " + std::to_string(n));
  EigenSample drawn{eigen_detail::sized<Eigen::MatrixXd>(n, problem.features()),
                    eigen_detail::sized<Eigen::MatrixXd>(n, problem.targets())};
  problem.sample(n, seed, stream, eigen_detail::writable(drawn.x), eigen_detail::writable(drawn.y));
  return drawn;
}

/// Exact test risk of B models.
/// @param problem  what they are judged on
/// @param theta    (p, B m): column b m + t is model b, target t, as the paths return them
/// @return (B)
/// @throws std::invalid_argument for shapes that do not match
template <EigenDense T>
Eigen::VectorXd risk(const LinearGaussianProblem& problem, const T& theta) {
  const eigen_detail::Held<T> held_theta(theta);
  auto risks = eigen_detail::sized<Eigen::VectorXd>(theta.cols() / problem.targets(), 1);
  problem.risk(held_theta.matrix(), eigen_detail::writable_vector(risks));
  return risks;
}

}  // namespace overprune
