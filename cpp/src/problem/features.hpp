// random_features on column-major blocks, unchecked: what the samplers call; what problems ask of
// the moments.
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
