// The activations of random features.
#pragma once

namespace overprune {

/// phi in x = phi(R a + bias).
enum class Activation : int { identity, relu, sign, erf, cos, tanh };

}  // namespace overprune
