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
struct Triangle {
  const double* from;
  Size ld_from;
  double* to;
  Size ld_to;

  /// From row i and column j on.
  Triangle at(Size i, Size j) const {
    return {from + i + j * ld_from, ld_from, to + i + j * ld_to, ld_to};
  }
};

/// The reflectors that fold W (rows, m) into the first `pivots` columns of a triangle, on all rows.
void fold(Size pivots, Size rows, Size m, const Triangle& l, double* w, Size ldw);

namespace {

constexpr int kPackets = kTile / kWidth;
constexpr Size kPanels = kReflectorRows / kTile;  // reduced before the rows below follow

// A tile of rows is so many packets high: whole lines of the cache where they are. Where there are
// 16 registers, they hold a part of the panel's columns at a time, and a few of W's.
constexpr int kHigh = 2;
constexpr Size kSpan = kWidth == 8 ? kTile : kTile / 2;
constexpr Size kAtOnce = kWidth == 8 ? 2 : 4;

static_assert(kReflectorColumns % kTile == 0, "columns are taken in by whole panels");

struct Panel {
  double d[kTile], tau[kTile];
  double overlap[kTile][kTile];  // [c][b] = u_b u_c' for b < c
  double* v;                     // (kTile, m) the v_c, packed by columns

  void read(Size m, const double* w, Size ldw) {
    for (Size j = 0; j < m; ++j)
      for (int r = 0; r < kPackets; ++r)
        store(v + j * kTile + r * kWidth, load(w + j * ldw + r * kWidth));
  }

  /// overlap[c] = products of row c with all rows over columns first, ..., m - 1, in four sums at
  /// once for the latency's sake.
  void multiply(Size c, Size first, Size m) {
    Packet sums[4][kPackets];
    for (auto& sum : sums)
      for (Packet& value : sum) value = spread(0.0);
    const double* row = v + first * kTile;
    Size j = first;
    for (; j + 4 <= m; j += 4, row += 4 * kTile)
      for (int s = 0; s < 4; ++s)
        for (int r = 0; r < kPackets; ++r)
          sums[s][r] = add_product(sums[s][r], load(row + s * kTile + r * kWidth),
                                   spread(row[s * kTile + c]));
    for (; j < m; ++j, row += kTile)
      for (int r = 0; r < kPackets; ++r)
        sums[0][r] = add_product(sums[0][r], load(row + r * kWidth), spread(row[c]));
    for (int r = 0; r < kPackets; ++r)
      store(overlap[c] + r * kWidth,
            Eigen::internal::padd(Eigen::internal::padd(sums[0][r], sums[1][r]),
                                  Eigen::internal::padd(sums[2][r], sums[3][r])));
  }

  /// The reflector of row c with this pivot, from `multiply`; returns what the pivot becomes.
  /// Nothing to annihilate, or so little that 1 / norm2 would overflow: the identity.
  double reflect(Size c, double pivot) {
    d[c] = tau[c] = 0.0;
    const double norm2 = overlap[c][c];
    if (norm2 < std::numeric_limits<double>::min()) return pivot;
    const double length = Eigen::numext::sqrt(pivot * pivot + norm2);
    const double beta = pivot > 0.0 ? -length : length;
    d[c] = pivot - beta;
    tau[c] = -1.0 / (beta * d[c]);
    return beta;
  }

  /// Rows -= z (kTile) v_c over columns first, ..., m - 1.
  void subtract(Size c, Size first, Size m, const double* z) {
    Packet step[kPackets];
    for (int r = 0; r < kPackets; ++r) step[r] = load(z + r * kWidth);
    double* to = v + first * kTile;
    for (Size j = first; j < m; ++j, to += kTile) {
      const Packet own = spread(to[c]);
      for (int r = 0; r < kPackets; ++r)
        store(to + r * kWidth, subtract_product(load(to + r * kWidth), step[r], own));
    }
  }
};

/// Gives each of kPanels panels its part of this thread's scratch, for W of m columns.
void place(Panel* panels, Size m) {
  double* packed = scratch(Scratch::work, kPanels * kTile * m);
  for (Size p = 0; p < kPanels; ++p) panels[p].v = packed + p * kTile * m;
}

/// N columns of W -= z v' on a tile of rows.
template <int N, int R>
OVERPRUNE_INLINE void subtract_columns(const Tile<R>& z, const double* v, double* w, Size ldw) {
  Packet x[N][R];
  OVERPRUNE_UNROLL
  for (int n = 0; n < N; ++n) OVERPRUNE_UNROLL
  for (int r = 0; r < R; ++r) x[n][r] = load(w + r * kWidth + n * ldw);
  OVERPRUNE_UNROLL
  for (Size c = 0; c < kTile; ++c) OVERPRUNE_UNROLL
  for (int n = 0; n < N; ++n) {
    const Packet step = spread(v[n * kTile + c]);
    OVERPRUNE_UNROLL
    for (int r = 0; r < R; ++r) x[n][r] = subtract_product(x[n][r], z.value[r][c], step);
  }
  OVERPRUNE_UNROLL
  for (int n = 0; n < N; ++n) OVERPRUNE_UNROLL
  for (int r = 0; r < R; ++r) store(w + r * kWidth + n * ldw, x[n][r]);
}

/// W -= z v' on a tile of rows of W (., m), with v (m, kTile).
template <int R>
OVERPRUNE_INLINE void subtract_reflected(const Tile<R>& z, const double* v, Size m, double* w,
                                         Size ldw) {
  Size j = 0;
  for (; j + kAtOnce <= m; j += kAtOnce)
    subtract_columns<kAtOnce>(z, v + j * kTile, w + j * ldw, ldw);
  for (; j < m; ++j) subtract_columns<1>(z, v + j * kTile, w + j * ldw, ldw);
}

/// z += W v for columns first, ..., first + kSpan - 1 of z on a tile of rows of W (., m).
template <int R>
OVERPRUNE_INLINE void add_reflected(Size first, const double* v, Size m, const double* w, Size ldw,
                                    Tile<R>& z) {
  Packet sum[R][kSpan];
  OVERPRUNE_UNROLL
  for (int r = 0; r < R; ++r) OVERPRUNE_UNROLL
  for (Size c = 0; c < kSpan; ++c) sum[r][c] = z.value[r][first + c];
  v += first;
  for (Size j = 0; j < m; ++j, v += kTile) {
    Packet x[R];
    OVERPRUNE_UNROLL
    for (int r = 0; r < R; ++r) x[r] = load(w + r * kWidth + j * ldw);
    OVERPRUNE_UNROLL
    for (Size c = 0; c < kSpan; ++c) {
      const Packet factor = spread(v[c]);
      OVERPRUNE_UNROLL
      for (int r = 0; r < R; ++r) sum[r][c] = add_product(sum[r][c], x[r], factor);
    }
  }
  OVERPRUNE_UNROLL
  for (int r = 0; r < R; ++r) OVERPRUNE_UNROLL
  for (Size c = 0; c < kSpan; ++c) z.value[r][first + c] = sum[r][c];
}

/// The panel's reflectors on a tile of rows of W (., m). With `Apart` the pivots' columns are those
/// of `l`, at its first row and the panel's first column; else they are among W's, and d is part of
/// v.
template <int R, bool Apart>
void apply_tile(const Panel& panel, Size m, Triangle l, double* w, Size ldw) {
  Tile<R> z;
  if constexpr (Apart) {
    for (Size c = 0; c < kTile; ++c)
      for (int r = 0; r < R; ++r)
        z.value[r][c] =
            Eigen::internal::pmul(load(l.from + r * kWidth + c * l.ld_from), spread(panel.d[c]));
  } else {
    z.zero();
  }
  for (Size c = 0; c < kTile; c += kSpan) add_reflected(c, panel.v, m, w, ldw, z);
  OVERPRUNE_UNROLL
  for (Size c = 0; c < kTile; ++c) {
    OVERPRUNE_UNROLL
    for (Size b = 0; b < c; ++b)
      for (int r = 0; r < R; ++r)
        z.value[r][c] = subtract_product(z.value[r][c], z.value[r][b], spread(panel.overlap[c][b]));
    for (int r = 0; r < R; ++r) {
      z.value[r][c] = Eigen::internal::pmul(z.value[r][c], spread(panel.tau[c]));
      if constexpr (Apart) {
        const Packet before = load(l.from + r * kWidth + c * l.ld_from);
        store(l.to + r * kWidth + c * l.ld_to,
              subtract_product(before, z.value[r][c], spread(panel.d[c])));
      }
    }
  }
  subtract_reflected<R>(z, panel.v, m, w, ldw);
}

/// Calls body(i, Rows<R>) for tiles of R packets of rows from row i on, over `rows` rows, a
/// multiple of kTile.
template <int R>
struct Rows {};
template <class Body>
void each_tile(Size rows, Body body) {
  Size i = 0;
  for (; i + kHigh * kWidth <= rows; i += kHigh * kWidth) body(i, Rows<kHigh>{});
  for (; i < rows; i += kWidth) body(i, Rows<1>{});
}

/// The same with the rows shared among the threads of a team.
/// @param m  columns that so many panels are applied to
template <class Body>
void share_tiles(Size rows, Size m, Size panels, const Body& body) {
  const double work = 4.0 * static_cast<double>(rows * m * panels * kTile);
  share(
      rows, kHigh * kWidth, work,
      [](const void* context, Size first, Size end) {
        each_tile(end - first, [&]<int R>(Size i, Rows<R> size) {
          (*static_cast<const Body*>(context))(first + i, size);
        });
      },
      &body);
}

}  // namespace

OVERPRUNE_END_LEVEL
