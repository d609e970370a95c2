// What a loss asks of responses and ridges.
#pragma once

#include "overprune/loss.hpp"
#include "overprune/types.hpp"

namespace overprune {

/// Throws unless a ridge of that name suits the loss: without one only smooth losses are fitted.
void check_loss_ridge(const char* name, const Loss& loss, double ridge);
/// Throws unless all numbers of y (n, m) are -1 or 1.
void check_labels(const char* name, ConstMatrix y);

}  // namespace overprune
