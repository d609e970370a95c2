// Covariance matrices Sigma (p, p): factors F with F F' = Sigma, and solves with Sigma^+. Each sees
// where Sigma is singular up to rounding.
#pragma once

#include <vector>

#include "base/block.hpp"

namespace overprune {

/// Eigenvalues below this times the largest, and squared pivots below this times their variances,
/// are rounding errors of zero.
double covariance_rounding(Index p);

/// L in the lower triangle, which alone is read; false unless Sigma is definite beyond rounding. A
/// pivot is compared with its own feature's variance, so that features on very different scales are
/// no reason for doubt.
bool definite_cholesky(Block sigma);

/// Sigma_DD, (k, k) column-major.
std::vector<double> principal_block(ConstMatrix sigma, const Indices& features);

/// F (p, p) with F F' = Sigma over `sigma`: lower triangular (true) where Sigma is definite, else
/// eigenvectors times roots (false), with eigenvalues that are zero up to rounding set to zero - a
/// rounding error left in would let samples leave the support of the distribution.
/// @param name  what errors call it
/// @throws std::invalid_argument where an eigenvalue is negative beyond rounding
bool factorize_covariance(Block sigma, const char* name = "covariance");

/// Sigma^+ rhs, rhs in the range of Sigma; see CovarianceRoot.
void solve_covariance(ConstBlock sigma, ConstBlock rhs, Block solution);

}  // namespace overprune
