// A loop over threads: no pool, no thread that outlives the call.
#pragma once

#include <functional>

#include "block.hpp"

namespace overprune {

/// Calls body(i, poll) for i = 0, ..., count - 1 from `workers` threads, each index once, in any order.
/// @param body  its own poll throws once the loop is to stop; call it now and then
/// @param poll  called by the calling thread about twenty times a second; what it throws stops the loop and
///              leaves through parallel_for, as does the first exception of a body
void parallel_for(Index count, Index workers, const std::function<void(Index, const Poll&)>& body,
                  const Poll& poll);

}  // namespace overprune
