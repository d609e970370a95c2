// Vector registers of this level by Eigen's names for them, for the kernels that Eigen has not.
// Internal linkage: every level has its own.
#pragma once

#include <Eigen/Core>

#include "kernels/level.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

/// A register of numbers, and how many.
template <class T>
using PacketOf = typename Eigen::internal::packet_traits<T>::type;
template <class T>
constexpr Size kLanes = Eigen::internal::packet_traits<T>::size;

using Packet = PacketOf<double>;
constexpr Size kWidth = kLanes<double>;
/// Columns of a register tile, and rows of a panel: whole registers.
template <class T>
constexpr Size kTileOf = kLanes<T> > 8 ? kLanes<T> : 8;
constexpr Size kTile = kTileOf<double>;
/// Packets a column of a register tile: an accumulator a column and packet, of 16 registers or of
/// AVX-512's 32.
template <class T>
constexpr int kTallOf = kWidth == 8 && kTileOf<T> == 8 ? 2 : 1;
constexpr int kTall = kTallOf<double>;

static_assert(kTile % kWidth == 0 && kTileOf<float> % kLanes<float> == 0, "whole registers");

[[maybe_unused]] Packet load(const double* from) { return Eigen::internal::ploadu<Packet>(from); }
[[maybe_unused]] PacketOf<float> load(const float* from) {
  return Eigen::internal::ploadu<PacketOf<float>>(from);
}
[[maybe_unused]] Packet spread(double value) { return Eigen::internal::pset1<Packet>(value); }
[[maybe_unused]] PacketOf<float> spread(float value) {
  return Eigen::internal::pset1<PacketOf<float>>(value);
}
template <class T, class P>
OVERPRUNE_INLINE void store(T* to, P value) {
  Eigen::internal::pstoreu(to, value);
}
template <class P>
OVERPRUNE_INLINE P scaled(P a, P b) {
  return Eigen::internal::pmul(a, b);
}
/// Asks for the cache line at `from`.
[[maybe_unused]] void fetch(const double* from) { Eigen::internal::prefetch(from); }
/// c + a b and c - a b.
template <class P>
OVERPRUNE_INLINE P add_product(P c, P a, P b) {
  return Eigen::internal::pmadd(a, b, c);
}
template <class P>
OVERPRUNE_INLINE P subtract_product(P c, P a, P b) {
  return Eigen::internal::psub(c, Eigen::internal::pmul(a, b));  // contracted where the level can
}

/// Writes a square of kWidth by kWidth numbers transposed.
OVERPRUNE_INLINE void transpose_square(const double* from, Size ld, double* to, Size ld_to) {
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wignored-attributes"  // of a register as a template's argument
#endif
  Eigen::internal::PacketBlock<Packet, static_cast<int>(kWidth)> square;
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
  for (Size i = 0; i < kWidth; ++i) square.packet[i] = load(from + i * ld);
  Eigen::internal::ptranspose(square);
  for (Size i = 0; i < kWidth; ++i) store(to + i * ld_to, square.packet[i]);
}

/// A tile of R packets by kTileOf<T> columns in registers.
template <int R, class T = double>
struct Tile {
  static constexpr Size kColumns = kTileOf<T>, kLane = kLanes<T>;
  PacketOf<T> value[R][kColumns];

  void zero() {
    for (int r = 0; r < R; ++r)
      for (Size c = 0; c < kColumns; ++c) value[r][c] = spread(T(0));
  }
  void read(const T* from, Size ld) {
    for (Size c = 0; c < kColumns; ++c)
      for (int r = 0; r < R; ++r) value[r][c] = load(from + r * kLane + c * ld);
  }
  void write(T* to, Size ld) const {
    for (Size c = 0; c < kColumns; ++c)
      for (int r = 0; r < R; ++r) store(to + r * kLane + c * ld, value[r][c]);
  }
};

}  // namespace
OVERPRUNE_END_LEVEL
