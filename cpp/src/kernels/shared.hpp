// Products cut over their result for the threads of a team. Internal linkage: every level has its
// own.
#pragma once

#include "kernels/level.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

constexpr Size kCut =
    48;  // whole register tiles of every level, and more than skinny products have

/// C (m, n) as strips of its shorter side, one after the other along the longer one.
struct Strips {
  Size longer, shorter, count;

  Strips(Size m, Size n) : longer(m < n ? n : m), shorter(m < n ? m : n) {
    constexpr Size most = 4, least = 5 * kCut;
    // Strips of a long result would read the longer factor from memory again and again.
    const Size fit = longer < 2 * shorter ? shorter / least : 1;
    count = fit < 1 ? 1 : fit < most ? fit : most;
  }
  /// Where strip s begins. Those that are cut are whole tiles, but for the last.
  Size begin(Size s) const { return s == count ? shorter : shorter / kCut * s / count * kCut; }
  /// Length to be cut: whole tiles, of which the last takes the rest of the strip with it.
  Size length() const { return count > 1 ? longer / kCut * kCut : longer; }
  Size end(Size at) const { return at == length() ? longer : at; }
};

/// Calls body(row, rows, column, columns) for rectangles that make up C (m, n). Each part packs
/// what it reads of both factors: so parts of a large result are more square than long.
/// @param depth  multiply-adds of one entry
template <class Body>
void share_result(Size m, Size n, Size depth, const Body& body) {
  struct Cut {
    Strips strips;
    Size m, n;
    const Body* body;

    void call(Size s, Size first, Size end) const {
      const Size across = strips.begin(s), width = strips.begin(s + 1) - across;
      const Size length = strips.end(end) - first;
      if (m < n)
        (*body)(across, width, first, length);
      else
        (*body)(first, length, across, width);
    }
  } cut{Strips(m, n), m, n, &body};
  share(
      cut.strips.count * cut.strips.length(), kCut,
      2.0 * static_cast<double>(m) * static_cast<double>(n * depth),
      [](const void* context, Size first, Size end) {
        const Cut& own = *static_cast<const Cut*>(context);
        const Size length = own.strips.length(), all = own.strips.count * length;
        if (first == 0 && end == all) return (*own.body)(0, own.m, 0, own.n);
        for (Size s = first / length; s * length < end; ++s) {
          const Size before = s * length, from = first < before ? before : first,
                     to = end < before + length ? end : before + length;
          own.call(s, from - before, to - before);
        }
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
