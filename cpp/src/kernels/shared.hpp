// Products cut over their result for the threads of a team. Internal linkage: every level has its
// own.
#pragma once

#include "kernels/level.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

constexpr Size kCut =
    48;  // whole register tiles of every level, and more than skinny products have

/// Calls body(row, rows, column, columns) for rectangles that make up C (m, n): whole columns of
/// it where it is wider than tall, else whole rows.
/// @param depth  multiply-adds of one entry
template <class Body>
void share_result(Size m, Size n, Size depth, const Body& body) {
  struct Cut {
    Size m, n;
    const Body* body;
  } cut{m, n, &body};
  share(
      m < n ? n : m, kCut, 2.0 * static_cast<double>(m) * static_cast<double>(n * depth),
      [](const void* context, Size first, Size end) {
        const Cut& own = *static_cast<const Cut*>(context);
        if (own.m < own.n)
          (*own.body)(0, own.m, first, end - first);
        else
          (*own.body)(first, end - first, 0, own.n);
      },
      &cut);
}

/// Calls body(row, rows) for rows that make up the lower triangle of C (n, n), the longest first:
/// the others fill up what time they leave.
/// @param depth  multiply-adds of one entry
template <class Body>
void share_triangle(Size n, Size depth, const Body& body) {
  struct Cut {
    Size n;
    const Body* body;
  } cut{n, &body};
  share(
      n, kCut, static_cast<double>(n) * static_cast<double>(n * depth),
      [](const void* context, Size first, Size end) {
        const Cut& own = *static_cast<const Cut*>(context);
        (*own.body)(own.n - end, end - first);
      },
      &cut);
}

}  // namespace
OVERPRUNE_END_LEVEL
