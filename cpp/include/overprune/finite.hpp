// Whether numbers are finite: every function checks its arrays by this, at the speed of memory.
#pragma once

#include "overprune/export.hpp"
#include "overprune/types.hpp"

OVERPRUNE_PUBLIC_BEGIN
namespace overprune {

/// Whether no number is NaN or infinite.
/// @param values  (rows, cols), any layout; quick where the rows or the columns lie side by side
/// @return false where a number is NaN or infinite
/// @throws std::invalid_argument for a view without data, or that no memory could hold
bool all_finite(ConstMatrix values);

}  // namespace overprune
OVERPRUNE_PUBLIC_END
