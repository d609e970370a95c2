// The scores |theta_i| Sigma_ii^(q/2) of the rules that rank by the model, in the units of the
// theory; docs/theory.md, section 2.
#pragma once

#include <cmath>

#include "overprune/pruning.hpp"

namespace overprune::theory {

/// x^(halves / 2), x >= 0; 0 for 0 to a negative power.
inline double half_power(double x, int halves) {
  if (halves < 0) return x > 0.0 ? 1.0 / half_power(x, -halves) : 0.0;
  double power = halves % 2 == 1 ? std::sqrt(x) : 1.0;
  for (int i = 1; i < halves; i += 2) power *= x;
  return power;
}

/// Sigma_ii^(q/2): the score of theta_i = 1.
inline double score_weight(Rule rule, double variance) {
  return half_power(variance, traits(rule).curvature_power);
}

/// Sigma_ii^((1-q)/2): what sqrt(Sigma_ii) |theta_i| is where the score is 1.
inline double white_weight(Rule rule, double variance) {
  return half_power(variance, 1 - traits(rule).curvature_power);
}

}  // namespace overprune::theory
