// Infinity and NaN by name.
#pragma once

#include <limits>

namespace overprune {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

}  // namespace overprune
