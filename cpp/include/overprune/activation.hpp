// The activations of random features. The kernels include this header: no inline function here.
#pragma once

#include "overprune/export.hpp"

OVERPRUNE_PUBLIC_BEGIN
namespace overprune {

/// phi in x = phi(R a + bias); gelu(z) = z P(N(0, 1) < z).
enum class Activation : int { identity, relu, sign, erf, cos, tanh, gelu };

}  // namespace overprune
OVERPRUNE_PUBLIC_END
