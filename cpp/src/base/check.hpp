// Checks of arguments, and of results, that the algorithms share. They throw std::invalid_argument;
// the message names the argument, what was expected and what came.
#pragma once

#include <cmath>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "overprune/types.hpp"

namespace overprune::check {

/// Throws std::invalid_argument made of `parts` in order.
template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  std::ostringstream message;
  (message << ... << parts);
  throw std::invalid_argument(message.str());
}

/// Extents of at least 0 that memory can hold, and data where there are elements. Every public
/// function checks its views so before it reads or writes them. `finite` includes this check.
void view(const char* name, ConstVector values);
void view(const char* name, ConstMatrix values);
/// Not null where there are numbers to read or to write.
void pointer(const char* name, const void* data, Index count = 1);
void at_least(const char* name, Index value, Index lowest);
/// Finite and at least 0.
void nonnegative(const char* name, double value);
void same(const char* name, Index expected, Index got);
void finite(const char* name, ConstVector values);
void finite(const char* name, ConstMatrix values);
void not_negative(const char* name, ConstVector values);
/// Symmetric up to rounding, compared with the diagonal entries of row and column.
void symmetric(const char* name, ConstMatrix values);
/// The number of a name among `names`; `what` is what errors call it.
int position(const char* what, const std::string& name, std::span<const char* const> names);
/// A number that has a name.
void position(const char* what, int number, std::span<const char* const> names);
/// Distinct integers in [0, size).
void distinct(const char* name, const Indices& values, Index size);
/// Strictly increasing integers in [lowest, highest], at least one of them.
void increasing(const char* name, const Indices& values, Index lowest, Index highest);

[[noreturn]] void unsolved();

/// Throws where a coefficient overflowed, or anything on the way to it.
template <class Coefficients>
void solved(const Coefficients& theta) {
  for (const double coefficient : theta)
    if (!std::isfinite(coefficient)) unsolved();
}

/// Thrown where a score is NaN. A caller that made the scores itself catches it and throws
/// `unsolved` or `unmeasured`, which name the caller's arguments.
struct NanScores : std::invalid_argument {
  explicit NanScores(Index i)
      : std::invalid_argument("scores must not be NaN, got NaN at index " + std::to_string(i)) {}
};

/// Throws that a prediction overflowed, because the problem's numbers differ too much in size.
[[noreturn]] void out_of_range(const char* result, double size);

/// Throws the same of a simulated model or its risk.
[[noreturn]] void unmeasured();

}  // namespace overprune::check
