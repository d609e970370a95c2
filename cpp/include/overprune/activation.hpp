// The activations of random features. The kernels include this header: no inline function here.
#pragma once

#include "overprune/export.hpp"

OVERPRUNE_PUBLIC_BEGIN
namespace overprune {

/// phi in x = phi(R a + bias); sign(0) = 0, gelu(z) = z P(N(0, 1) < z).
enum class Activation : int { identity, relu, sign, erf, cos, tanh, gelu };

/// The name of every activation, in the order of `Activation`. A new activation is one enumerator,
/// one name here and one case in kernels/elementwise.cpp; problem/moments.cpp holds closed forms of
/// its moments, where there are any.
constexpr const char* kActivations[] = {"identity", "relu", "sign", "erf", "cos", "tanh", "gelu"};

}  // namespace overprune
OVERPRUNE_PUBLIC_END
