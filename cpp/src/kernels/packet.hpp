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
constexpr Size kTile = 8;  // columns of a register tile, and rows of a panel
/// Packets a column of a register tile: 8 accumulators a packet, of 16 registers or of
/// AVX-512's 32.
constexpr int kTall = kWidth == 8 ? 2 : 1;

static_assert(kTile % kWidth == 0, "a panel's rows are whole registers");

[[maybe_unused]] Packet load(const double* from) { return Eigen::internal::ploadu<Packet>(from); }
[[maybe_unused]] Packet spread(double value) { return Eigen::internal::pset1<Packet>(value); }
[[maybe_unused]] void store(double* to, Packet value) { Eigen::internal::pstoreu(to, value); }
[[maybe_unused]] Packet scaled(Packet a, Packet b) { return Eigen::internal::pmul(a, b); }
/// Asks for the cache line at `from`.
[[maybe_unused]] void fetch(const double* from) { Eigen::internal::prefetch(from); }
/// c + a b and c - a b.
[[maybe_unused]] Packet add_product(Packet c, Packet a, Packet b) {
  return Eigen::internal::pmadd(a, b, c);
}
[[maybe_unused]] Packet subtract_product(Packet c, Packet a, Packet b) {
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

/// A tile of R packets by kTile columns in registers.
template <int R>
struct Tile {
  static constexpr Size kRows = R * kWidth;
  Packet value[R][kTile];

  void zero() {
    for (int r = 0; r < R; ++r)
      for (Size c = 0; c < kTile; ++c) value[r][c] = spread(0.0);
  }
  void read(const double* from, Size ld) {
    for (Size c = 0; c < kTile; ++c)
      for (int r = 0; r < R; ++r) value[r][c] = load(from + r * kWidth + c * ld);
  }
  void write(double* to, Size ld) const {
    for (Size c = 0; c < kTile; ++c)
      for (int r = 0; r < R; ++r) store(to + r * kWidth + c * ld, value[r][c]);
  }
};

}  // namespace
OVERPRUNE_END_LEVEL
