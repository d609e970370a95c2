// random_features on column-major blocks, unchecked: what the samplers call.
#pragma once

#include "block.hpp"
#include "overprune/activation.hpp"

namespace overprune {

/// @param bias  (p) or null
void features_into(ConstBlock inputs, ConstBlock weights, Activation activation, const double* bias,
                   Block out, const Poll& poll);

}  // namespace overprune
