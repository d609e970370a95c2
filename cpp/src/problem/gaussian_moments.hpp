// E f(s u + b) g(t v + c) for standard normals u, v of correlation rho, by quadrature: the moments
// of random features that have no closed form.
//
// In Hermite polynomials, f(s u + b) = sum_m c_m He_m(u) / sqrt(m!), the moment is sum_m c_m c'_m
// rho^m (Mehler). What m >= K contributes is at most |rho|^K times the root of both expansions'
// missing squares, which Parseval's identity tells; pairs for which that is too much - of nearly
// parallel rows, where f has kinks or jumps - are integrated directly: over u, and for each u over
// v given u.
#pragma once

#include "problem/feature_rows.hpp"
#include "problem/piecewise.hpp"

namespace overprune {

/// Standard normals are integrated over [-12, 12].
inline constexpr double kNormalRange = 12.0;

/// u -> f(scale u + shift), u ~ N(0, 1).
struct GaussianFeature {
  const PiecewisePolynomial& f;
  double scale, shift;
};

/// E[f(u)^2].
double mean_square(const GaussianFeature& feature);

/// E[f(u) g(v)], directly.
double mean_product(const GaussianFeature& f, const GaussianFeature& g, Correlation rho);

/// E[x x'] of the features x_i = f(|r_i| u_i + b_i).
/// @param covariance  (p, p)
void quadrature_covariance(const FeatureRows& rows, const PiecewisePolynomial& f, Matrix covariance,
                           const Poll& poll);

/// E[u_i x_i].
/// @param slopes  (p)
void quadrature_slopes(const FeatureRows& rows, const PiecewisePolynomial& f, double* slopes,
                       const Poll& poll);

/// E[g(teacher'a) x_i].
/// @param cross  (p)
void quadrature_cross(const FeatureRows& rows, const PiecewisePolynomial& f,
                      const PiecewisePolynomial& g, Vector cross, const Poll& poll);

}  // namespace overprune
