// Random features X = phi(A R' + 1 b') on column-major blocks, without checks. The samplers call
// this; random_features checks its arguments first.
#pragma once

#include "base/block.hpp"
#include "overprune/scalar_function.hpp"

namespace overprune {

/// @param bias  (p) or null
void features_into(ConstBlock inputs, ConstBlock weights, const ScalarFunction& activation,
                   const double* bias, Block out, const Poll& poll);

/// Refuses what is neither a named function nor one of the caller's.
void check_function(const char* name, const ScalarFunction& function);

/// Whether feature_moments has closed forms for E[x x'], which err by rounding only.
bool has_closed_moments(const ScalarFunction& activation);

}  // namespace overprune
