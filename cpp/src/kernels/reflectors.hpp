// Householder reflectors from the right, kTile rows at a time, for append_columns and lq.
//
// The reflector of row c is H = I - tau u u' with u = (d_c in its pivot column, v_c in the columns
// after it), v_c being row c as the reflectors before left it. The rows below meet a panel's
// reflectors at once: with x such a row,  z_c = tau_c (x u_c' - sum over b < c of z_b u_b u_c'),  x
// -= sum of z_c u_c. A tile of rows does that without leaving the registers but to walk the columns
// twice.
#pragma once

#include <limits>

#include "kernels/packet.hpp"
#include "kernels/scratch.hpp"

OVERPRUNE_BEGIN_LEVEL

/// A triangle as it was and as it becomes; the two may be the same memory.
template <class T>
struct Triangle {
  const T* from;
  Size ld_from;
  T* to;
  Size ld_to;

  /// From row i and column j on.
  Triangle at(Size i, Size j) const {
    return {from + i + j * ld_from, ld_from, to + i + j * ld_to, ld_to};
  }
};

/// The reflectors that fold W (rows, m) into the first `pivots` columns of a triangle, on all rows.
void fold(Size pivots, Size rows, Size m, const Triangle<double>& l, double* w, Size ldw);

namespace {

template <class T>
constexpr Size kPanels = kReflectorRows / kTileOf<T>;  // reduced before the rows below follow

// A tile of rows is so many packets high: whole lines of the cache where they are. Where there are
// 16 registers, or a panel is 16 wide, they hold a part of the panel's columns at a time, and a few
// of W's.
constexpr int kHigh = 2;
template <class T>
constexpr Size kSpan = kWidth == 8 && kTileOf<T> == 8 ? 8 : kTileOf<T> / 2;
constexpr Size kAtOnce = kWidth == 8 ? 2 : 4;

static_assert(kReflectorColumns % kTile == 0, "columns are taken in by whole panels");

template <class T>
struct Panel {
  static constexpr Size kSize = kTileOf<T>, kLane = kLanes<T>;
  static constexpr int kPackets = kSize / kLane;

  T d[kSize], tau[kSize];
  T overlap[kSize][kSize];  // [c][b] = u_b u_c' for b < c
  T* v;                     // (kSize, m) the v_c, packed by columns

  void read(Size m, const T* w, Size ldw) {
    for (Size j = 0; j < m; ++j)
      for (int r = 0; r < kPackets; ++r)
        store(v + j * kSize + r * kLane, load(w + j * ldw + r * kLane));
  }

  /// overlap[c] = products of row c with all rows over columns first, ..., m - 1, in four sums at
  /// once for the latency's sake.
  void multiply(Size c, Size first, Size m) {
    PacketOf<T> sums[4][kPackets];
    for (auto& sum : sums)
      for (auto& value : sum) value = spread(T(0));
    const T* row = v + first * kSize;
    Size j = first;
    for (; j + 4 <= m; j += 4, row += 4 * kSize)
      for (int s = 0; s < 4; ++s)
        for (int r = 0; r < kPackets; ++r)
          sums[s][r] = add_product(sums[s][r], load(row + s * kSize + r * kLane),
                                   spread(row[s * kSize + c]));
    for (; j < m; ++j, row += kSize)
      for (int r = 0; r < kPackets; ++r)
        sums[0][r] = add_product(sums[0][r], load(row + r * kLane), spread(row[c]));
    for (int r = 0; r < kPackets; ++r)
      store(overlap[c] + r * kLane,
            Eigen::internal::padd(Eigen::internal::padd(sums[0][r], sums[1][r]),
                                  Eigen::internal::padd(sums[2][r], sums[3][r])));
  }

  /// The reflector of row c with this pivot, from `multiply`; returns what the pivot becomes.
  /// Nothing to annihilate, or so little that 1 / norm2 would overflow: the identity.
  T reflect(Size c, T pivot) {
    d[c] = tau[c] = T(0);
    const T norm2 = overlap[c][c];
    if (norm2 < std::numeric_limits<T>::min()) return pivot;
    const T length = Eigen::numext::sqrt(pivot * pivot + norm2);
    const T beta = pivot > T(0) ? -length : length;
    d[c] = pivot - beta;
    tau[c] = T(-1) / (beta * d[c]);
    return beta;
  }

  /// Rows -= z (kTile) v_c over columns first, ..., m - 1.
  void subtract(Size c, Size first, Size m, const T* z) {
    PacketOf<T> step[kPackets];
    for (int r = 0; r < kPackets; ++r) step[r] = load(z + r * kLane);
    T* to = v + first * kSize;
    for (Size j = first; j < m; ++j, to += kSize) {
      const PacketOf<T> own = spread(to[c]);
      for (int r = 0; r < kPackets; ++r)
        store(to + r * kLane, subtract_product(load(to + r * kLane), step[r], own));
    }
  }
};

/// Gives each of kPanels panels its part of this thread's scratch, for W of m columns.
template <class T>
void place(Panel<T>* panels, Size m) {
  T* packed = scratch_of<T>(Scratch::work, kReflectorRows * m);
  for (Size p = 0; p < kPanels<T>; ++p) panels[p].v = packed + p * kTileOf<T> * m;
}

/// N columns of W -= z v' on a tile of rows.
template <int N, int R, class T>
OVERPRUNE_INLINE void subtract_columns(const Tile<R, T>& z, const T* v, T* w, Size ldw) {
  constexpr Size tile = kTileOf<T>, lane = kLanes<T>;
  PacketOf<T> x[N][R];
  OVERPRUNE_UNROLL
  for (int n = 0; n < N; ++n) OVERPRUNE_UNROLL
  for (int r = 0; r < R; ++r) x[n][r] = load(w + r * lane + n * ldw);
  OVERPRUNE_UNROLL
  for (Size c = 0; c < tile; ++c) OVERPRUNE_UNROLL
  for (int n = 0; n < N; ++n) {
    const PacketOf<T> step = spread(v[n * tile + c]);
    OVERPRUNE_UNROLL
    for (int r = 0; r < R; ++r) x[n][r] = subtract_product(x[n][r], z.value[r][c], step);
  }
  OVERPRUNE_UNROLL
  for (int n = 0; n < N; ++n) OVERPRUNE_UNROLL
  for (int r = 0; r < R; ++r) store(w + r * lane + n * ldw, x[n][r]);
}

/// W -= z v' on a tile of rows of W (., m), with v (m, a tile's columns).
template <int R, class T>
OVERPRUNE_INLINE void subtract_reflected(const Tile<R, T>& z, const T* v, Size m, T* w, Size ldw) {
  Size j = 0;
  for (; j + kAtOnce <= m; j += kAtOnce)
    subtract_columns<kAtOnce>(z, v + j * kTileOf<T>, w + j * ldw, ldw);
  for (; j < m; ++j) subtract_columns<1>(z, v + j * kTileOf<T>, w + j * ldw, ldw);
}

/// z += W v for columns first, ..., first + kSpan - 1 of z on a tile of rows of W (., m).
template <int R, class T>
OVERPRUNE_INLINE void add_reflected(Size first, const T* v, Size m, const T* w, Size ldw,
                                    Tile<R, T>& z) {
  constexpr Size span = kSpan<T>, lane = kLanes<T>;
  PacketOf<T> sum[R][span];
  OVERPRUNE_UNROLL
  for (int r = 0; r < R; ++r) OVERPRUNE_UNROLL
  for (Size c = 0; c < span; ++c) sum[r][c] = z.value[r][first + c];
  v += first;
  for (Size j = 0; j < m; ++j, v += kTileOf<T>) {
    PacketOf<T> x[R];
    OVERPRUNE_UNROLL
    for (int r = 0; r < R; ++r) x[r] = load(w + r * lane + j * ldw);
    OVERPRUNE_UNROLL
    for (Size c = 0; c < span; ++c) {
      const PacketOf<T> factor = spread(v[c]);
      OVERPRUNE_UNROLL
      for (int r = 0; r < R; ++r) sum[r][c] = add_product(sum[r][c], x[r], factor);
    }
  }
  OVERPRUNE_UNROLL
  for (int r = 0; r < R; ++r) OVERPRUNE_UNROLL
  for (Size c = 0; c < span; ++c) z.value[r][first + c] = sum[r][c];
}

/// The panel's reflectors on a tile of rows of W (., m). With `Apart` the pivots' columns are those
/// of `l`, at its first row and the panel's first column; else they are among W's, and d is part of
/// v.
template <int R, bool Apart, class T>
void apply_tile(const Panel<T>& panel, Size m, Triangle<T> l, T* w, Size ldw) {
  constexpr Size tile = kTileOf<T>, lane = kLanes<T>;
  Tile<R, T> z;
  if constexpr (Apart) {
    for (Size c = 0; c < tile; ++c)
      for (int r = 0; r < R; ++r)
        z.value[r][c] =
            Eigen::internal::pmul(load(l.from + r * lane + c * l.ld_from), spread(panel.d[c]));
  } else {
    z.zero();
  }
  for (Size c = 0; c < tile; c += kSpan<T>) add_reflected(c, panel.v, m, w, ldw, z);
  OVERPRUNE_UNROLL
  for (Size c = 0; c < tile; ++c) {
    OVERPRUNE_UNROLL
    for (Size b = 0; b < c; ++b)
      for (int r = 0; r < R; ++r)
        z.value[r][c] = subtract_product(z.value[r][c], z.value[r][b], spread(panel.overlap[c][b]));
    for (int r = 0; r < R; ++r) {
      z.value[r][c] = Eigen::internal::pmul(z.value[r][c], spread(panel.tau[c]));
      if constexpr (Apart) {
        const PacketOf<T> before = load(l.from + r * lane + c * l.ld_from);
        store(l.to + r * lane + c * l.ld_to,
              subtract_product(before, z.value[r][c], spread(panel.d[c])));
      }
    }
  }
  subtract_reflected<R>(z, panel.v, m, w, ldw);
}

/// Calls body(i, Rows<R>) for tiles of R packets of rows from row i on, over `rows` rows, a
/// multiple of kTileOf<T>.
template <int R>
struct Rows {};
template <class T, class Body>
void each_tile(Size rows, Body body) {
  constexpr Size high = kHigh * kLanes<T>;
  Size i = 0;
  for (; i + high <= rows; i += high) body(i, Rows<kHigh>{});
  for (; i < rows; i += kLanes<T>) body(i, Rows<1>{});
}

/// The same with the rows shared among the threads of a team.
/// @param m  columns that so many panels are applied to
template <class T, class Body>
void share_tiles(Size rows, Size m, Size panels, const Body& body) {
  const double work = 4.0 * static_cast<double>(rows * m * panels * kTileOf<T>);
  share(
      rows, kHigh * kLanes<T>, work,
      [](const void* context, Size first, Size end) {
        each_tile<T>(end - first, [&]<int R>(Size i, Rows<R> size) {
          (*static_cast<const Body*>(context))(first + i, size);
        });
      },
      &body);
}

}  // namespace

OVERPRUNE_END_LEVEL
