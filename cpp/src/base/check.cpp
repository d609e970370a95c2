#include "base/check.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/pace.hpp"
#include "overprune/finite.hpp"

namespace overprune::check {
namespace {

constexpr Index kMost = PTRDIFF_MAX / static_cast<Index>(sizeof(double));  // elements

/// Whether count steps of this length, beside `others` elements, are more than memory holds.
bool too_far(Index count, Index stride, Index others) {
  if (count <= 1) return false;
  const std::size_t step = stride < 0 ? std::size_t{0} - static_cast<std::size_t>(stride)
                                      : static_cast<std::size_t>(stride);
  return step > static_cast<std::size_t>((kMost - others) / (count - 1));
}

std::string listed(std::span<const char* const> names) {
  std::string list;
  for (const char* name : names) list.append(list.empty() ? "" : ", ").append(name);
  return list;
}

}  // namespace

void pointer(const char* name, const void* data, Index count) {
  if (!data && count > 0) fail(name, " must not be null, got no data for ", count, " numbers");
}

void view(const char* name, ConstVector values) {
  if (values.size < 0) fail(name, " must have length at least 0, got ", values.size);
  if (values.size > kMost || too_far(values.size, values.stride, 1))
    fail(name, " must lie in memory, got length ", values.size, " and stride ", values.stride);
  pointer(name, values.data, values.size);
}

void view(const char* name, ConstMatrix values) {
  const Index rows = values.rows, cols = values.cols;
  if (rows < 0 || cols < 0)
    fail(name, " must have extents of at least 0, got shape (", rows, ", ", cols, ")");
  if (rows == 0 || cols == 0) return;
  if (rows > kMost / cols || too_far(rows, values.row_stride, 1) ||
      too_far(cols, values.col_stride, 1))
    fail(name, " must lie in memory, got shape (", rows, ", ", cols, ") and strides (",
         values.row_stride, ", ", values.col_stride, ")");
  pointer(name, values.data, rows * cols);
}

int position(const char* what, const std::string& name, std::span<const char* const> names) {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (name == names[i]) return static_cast<int>(i);
  fail(what, " must be one of ", listed(names), "; got '", name, "'");
}

void position(const char* what, int number, std::span<const char* const> names) {
  if (number < 0 || number >= static_cast<int>(names.size()))
    fail(what, " must be one of ", listed(names), "; got number ", number);
}

void at_least(const char* name, Index value, Index lowest) {
  if (value < lowest) fail(name, " must be at least ", lowest, ", got ", value);
}

void nonnegative(const char* name, double value) {
  if (!(value >= 0.0) || !std::isfinite(value))
    fail(name, " must be finite and at least 0, got ", value);
}

void same(const char* name, Index expected, Index got) {
  if (expected != got) fail(name, " must have length ", expected, ", got ", got);
}

void finite(const char* name, ConstVector values) {
  view(name, values);
  if (all_finite({values.data, values.size, 1, values.stride, 0})) return;
  for (Index i = 0; i < values.size; ++i)
    if (!std::isfinite(values(i))) fail(name, " must be finite, got ", values(i), " at index ", i);
}

void finite(const char* name, ConstMatrix values) {
  view(name, values);
  if (all_finite(values)) return;
  for (Index j = 0; j < values.cols; ++j)
    for (Index i = 0; i < values.rows; ++i)
      if (!std::isfinite(values(i, j)))
        fail(name, " must be finite, got ", values(i, j), " at index (", i, ", ", j, ")");
}

void not_negative(const char* name, ConstVector values) {
  for (Index i = 0; i < values.size; ++i)
    if (values(i) < 0.0) fail(name, " must not be negative, got ", values(i), " at index ", i);
}

void unsolved() {
  fail(
      "X must have entries of less different size, or y or the ridge be nearer to them: a solution "
      "leaves ",
      "the range of double precision");
}

void out_of_range(const char* result, double size) {
  fail("problem must have variances and coefficients of less different size: its ", result,
       " at size ", size, " leaves the range of double precision");
}

void unmeasured() {
  fail(
      "problem must have variances and coefficients of less different size: a simulated model or "
      "its risk ",
      "leaves the range of double precision");
}

void symmetric(const char* name, ConstMatrix values) {
  double largest = 0.0;
  std::vector<double> size(values.rows);
  for (Index i = 0; i < values.rows; ++i) {
    largest = std::max(largest, std::abs(values(i, i)));
    size[i] = std::sqrt(std::abs(values(i, i)));
  }
  // Rounding of the matrix as it was computed.
  const double rounding = 4.0 * std::numeric_limits<double>::epsilon() * largest;
  constexpr Index square = 32;  // a tile and its mirror image stay in cache
  Pace pace;
  for (Index last = 0; last < values.cols; last += square)
    for (Index first = 0; first <= last; first += square, pace(8 * square * square))
      for (Index j = last; j < std::min(last + square, values.cols); ++j)
        for (Index i = first; i < std::min(first + square, j); ++i)
          if (std::abs(values(i, j) - values(j, i)) > 1e-10 * size[i] * size[j] + rounding)
            fail(name, " must be symmetric, got ", values(i, j), " at (", i, ", ", j, ") and ",
                 values(j, i), " at (", j, ", ", i, ")");
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
