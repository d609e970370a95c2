// Float32 triangles of large problems. A triangle L made by reflectors in float32 has the errors of
// a matrix that differs from X by float32's rounding: a correction whose residual is taken from X
// in float64 leaves about 1e-7 cond(X) of the error, so that two or three of them are as good as a
// float64 triangle. Appending columns to it takes half of the time.
#pragma once

#include <span>
#include <vector>

#include "base/block.hpp"

namespace overprune {

/// Rows from which on float32 is worth its corrections.
inline constexpr Index kSingleRows = 768;
/// A triangle becomes one of float32 where its smallest singular value is above this times its
/// largest row: more corrections than two or three would cost what float32 saves.
inline constexpr double kSingleFloor = 1e-2;
/// A first correction above this, relative to the solution, shows that float32 contracts too slowly
/// to be worth it.
inline constexpr double kSlowContraction = 1e-3;
/// Relative error that is left to the last correction of a solution at most.
inline constexpr double kSettled = 1e-15;

/// Whether float32 triangles save more than their corrections cost.
/// @param n      rows of X
/// @param m      targets
/// @param sizes  those above n
bool single_pays(Index n, Index m, std::span<const Index> sizes);

/// Rows of a triangle of n, in whole tiles of the precisions that it may come to be held in.
Index padded_rows(Index n);

/// The power of two that brings the largest of some numbers near one; 1 where it is zero.
double unit_of(double largest);

/// Replaces a matrix of float64 by `unit` times it in float32, in the same memory with the same
/// leading dimension; numbers that are then tiny become zeros. Of a `lower` triangle nothing above
/// the diagonal is read or kept.
BlockOf<float> narrow(Block block, double unit, bool lower);
/// Makes up for `narrow` of a lower triangle, but for what was lost in rounding.
void widen_triangle(Block block, double unit);

/// b = (L L')^{-1} b for unit L (n, n) in float32.
/// @param moved  (b.cols) receives the squares of the norms |L^{-1} b|
/// @param space  memory for n numbers
void solve_normal(BlockOf<const float> triangle, double unit, Block b, double* moved,
                  std::vector<float>& space);

}  // namespace overprune
