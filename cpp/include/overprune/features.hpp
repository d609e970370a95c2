// Random features x = phi(R a + bias), and their second moments under Gaussian inputs.
#pragma once

#include <functional>
#include <string>

#include "overprune/activation.hpp"
#include "overprune/types.hpp"

namespace overprune {

/// The activation of that name. @throws std::invalid_argument for an unknown name
Activation activation_from_name(const std::string& name);
const char* name_of(Activation activation);

/// phi(inputs weights' + 1 bias').
/// @param inputs   (n, d)
/// @param weights  (p, d) rows r_i of R
/// @param bias     (p), or empty for none
/// @param out      (n, p) receives the features
/// @throws std::invalid_argument for shapes that do not match or non-finite entries
void random_features(ConstMatrix inputs, ConstMatrix weights, Activation activation, ConstVector bias,
                     Matrix out);

/// Second moments under a ~ N(0, I_d): E[x x'] and E[x a'] teacher (docs/theory.md, section 7). Closed forms,
/// for tanh an expansion in Hermite polynomials.
/// @param weights     (p, d), no zero row
/// @param bias        (p), or empty for none
/// @param teacher     (d)
/// @param covariance  (p, p) receives E[x x'] (uncentred)
/// @param cross       (p) receives E[x a'] teacher
/// @param poll        called now and then; may throw to stop
/// @throws std::invalid_argument as random_features, and for a zero row
void feature_moments(ConstMatrix weights, Activation activation, ConstVector bias, ConstVector teacher,
                     Matrix covariance, Vector cross, const std::function<void()>& poll = {});

}  // namespace overprune
