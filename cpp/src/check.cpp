#include "check.hpp"

#include <algorithm>
#include <cmath>

#include "overprune/finite.hpp"
#include "pace.hpp"

namespace overprune::check {

void at_least(const char* name, Index value, Index lowest) {
  if (value < lowest) fail(name, " must be at least ", lowest, ", got ", value);
}

void nonnegative(const char* name, double value) {
  if (!(value >= 0.0) || !std::isfinite(value)) fail(name, " must be finite and at least 0, got ", value);
}

void same(const char* name, Index expected, Index got) {
  if (expected != got) fail(name, " must have length ", expected, ", got ", got);
}

void finite(const char* name, ConstVector values) {
  if (all_finite({values.data, values.size, 1, values.stride, 0})) return;
  for (Index i = 0; i < values.size; ++i)
    if (!std::isfinite(values(i))) fail(name, " must be finite, got ", values(i), " at index ", i);
}

void finite(const char* name, ConstMatrix values) {
  if (all_finite(values)) return;
  for (Index j = 0; j < values.cols; ++j)
    for (Index i = 0; i < values.rows; ++i)
      if (!std::isfinite(values(i, j)))
        fail(name, " must be finite, got ", values(i, j), " at (", i, ", ", j, ")");
}

void not_negative(const char* name, ConstVector values) {
  for (Index i = 0; i < values.size; ++i)
    if (values(i) < 0.0) fail(name, " must not be negative, got ", values(i), " at index ", i);
}

void unsolved() {
  fail("X must have entries of less different size, or y or the ridge be nearer to them: a solution leaves ",
       "the range of double precision");
}

void out_of_range(const char* result, double size) {
  fail("problem must have variances and coefficients of less different size: its ", result, " at size ", size,
       " leaves the range of double precision");
}

void unmeasured() {
  fail("problem must have variances and coefficients of less different size: a simulated model or its risk ",
       "leaves the range of double precision");
}

void symmetric(const char* name, ConstMatrix values) {
  double largest = 0.0;
  for (Index i = 0; i < values.rows; ++i) largest = std::max(largest, std::abs(values(i, i)));
  constexpr Index square = 32;  // a tile and its mirror image stay in cache
  Pace pace;
  for (Index last = 0; last < values.cols; last += square)
    for (Index first = 0; first <= last; first += square, pace(8 * square * square))
      for (Index j = last; j < std::min(last + square, values.cols); ++j)
        for (Index i = first; i < std::min(first + square, j); ++i)
          if (std::abs(values(i, j) - values(j, i)) > 1e-10 * largest)
            fail(name, " must be symmetric, got ", values(i, j), " at (", i, ", ", j, ") and ", values(j, i),
                 " at (", j, ", ", i, ")");
}

void distinct(const char* name, const Indices& values, Index size) {
  std::vector<char> seen(size, 0);
  for (const Index i : values) {
    if (i < 0 || i >= size) fail(name, " must lie in [0, ", size, "), got ", i);
    if (seen[i]) fail(name, " must be distinct, got ", i, " twice");
    seen[i] = 1;
  }
}

void increasing(const char* name, const Indices& values, Index lowest, Index highest) {
  if (values.empty()) fail(name, " must not be empty");
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] < lowest || values[i] > highest)
      fail(name, " must lie in [", lowest, ", ", highest, "], got ", values[i]);
    if (i > 0 && values[i] <= values[i - 1])
      fail(name, " must be strictly increasing, got ", values[i - 1], " before ", values[i]);
  }
}

}  // namespace overprune::check
