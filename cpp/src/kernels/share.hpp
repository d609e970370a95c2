// Where work may be given to other threads. No inline function here: see table.hpp.
#pragma once

#include <cstddef>

namespace overprune {

/// Calls body(context, first, end) for ranges that make up 0, ..., count - 1: all at once, or,
/// where this thread has a team (base/team.hpp) and the work is worth it, one by one on the team's
/// threads.
/// @param unit  ranges begin at multiples of it, and each is at least as long where count is
/// @param work  operations of all of it, about
void share(std::ptrdiff_t count, std::ptrdiff_t unit, double work,
           void (*body)(const void* context, std::ptrdiff_t first, std::ptrdiff_t end),
           const void* context);

}  // namespace overprune
