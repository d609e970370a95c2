// Panels of a product's operands, and the register tile that multiplies them. Internal linkage:
// every level has its own.
#pragma once

#include "kernels/packet.hpp"

// A short loop costs less where it jumps back every second time.
#if defined(__GNUC__)
#define OVERPRUNE_TWICE _Pragma("GCC unroll 2")
#else
#define OVERPRUNE_TWICE
#endif

OVERPRUNE_BEGIN_LEVEL
namespace {

// A register tile: 3 packets by 8 columns of AVX-512's 32 registers, 2 by 6 of AVX's 16, or 2 by 4
// where a multiply-add needs one more.
constexpr int kUp = kWidth == 8 ? 3 : 2;
constexpr int kSide = kWidth == 8 ? 8 : kWidth == 4 ? 6 : 4;

/// The lines that a panel is made of: rows of op(A) or columns of op(B), each of them over the
/// depth of the product.
template <class T>
struct Lines {
  const T* at;
  Size ld;
  bool deep;  // a line's entries follow one another in memory; else those of one depth do

  Lines from(Size line, Size depth) const {
    return {at + (deep ? line * ld + depth : line + depth * ld), ld, deep};
  }
};

/// Calls body(g) for the first lines of the packets that make up P lines; the last begins where it
/// still fits.
template <class T, int P, class Body>
OVERPRUNE_INLINE void each_packet(Body body) {
  OVERPRUNE_UNROLL
  for (Size g = 0; g < P; g += kLanes<T>) body(g + kLanes<T> <= P ? g : P - kLanes<T>);
}

/// Packs `count` <= P lines as a panel of P: entries of one depth follow one another, lines past
/// the last are zeros.
template <class T, int P>
void pack(const Lines<T>& lines, Size count, Size depth, T* to) {
  Size done = 0;
  if constexpr (P >= kLanes<T>)
    if (count == P && lines.deep)
      for (; done + kLanes<T> <= depth; done += kLanes<T>)
        each_packet<T, P>([&](Size g) {
          transpose_square(lines.at + done + g * lines.ld, lines.ld, to + done * P + g, P);
        });
  const Size across = lines.deep ? lines.ld : 1, down = lines.deep ? 1 : lines.ld;
  for (; done < depth; ++done) {
    const T* from = lines.at + done * down;
    for (Size i = 0; i < P; ++i) to[done * P + i] = i < count ? from[i * across] : T(0);
  }
}

/// Packs whole panels of P lines, one after the other.
template <class T, int P>
void pack_panels(const Lines<T>& lines, Size panels, Size depth, T* to) {
  constexpr Size together = 16;  // panels that take in what lies side by side in memory
  if (lines.deep) {
    for (Size p = 0; p < panels; ++p)
      pack<T, P>(lines.from(p * P, 0), P, depth, to + p * P * depth);
    return;
  }
  for (Size first = 0; first < panels; first += together) {
    const Size last = panels - first < together ? panels : first + together;
    for (Size l = 0; l < depth; ++l)
      for (Size p = first; p < last; ++p) {
        const T* from = lines.at + p * P + l * lines.ld;
        T* into = to + (p * depth + l) * P;
        each_packet<T, P>([&](Size g) { store(into + g, load(from + g)); });
      }
  }
}

/// Where a tile goes, and what part of it.
template <class T>
struct Target {
  T* c;
  Size ld;
  T alpha;
  bool fresh;  // C is overwritten, not added to
  Size rows, columns;
  Size skew;  // row i and column j are wanted where i + skew >= j
};

/// The tile's part of C from its sums, the same operations for every entry.
template <class T, int R, int N>
OVERPRUNE_INLINE void put(const PacketOf<T> (&sum)[N][R], const Target<T>& to) {
  const PacketOf<T> alpha = spread(to.alpha);
  OVERPRUNE_UNROLL
  for (int j = 0; j < N; ++j) OVERPRUNE_UNROLL
  for (int r = 0; r < R; ++r) {
    T* c = to.c + r * kLanes<T> + j * to.ld;
    store(c, to.fresh ? scaled(alpha, sum[j][r]) : add_product(load(c), alpha, sum[j][r]));
  }
}

/// The same for a tile that sticks out of what is wanted.
template <class T, int R, int N>
OVERPRUNE_INLINE void put_part(const PacketOf<T> (&sum)[N][R], const Target<T>& to) {
  constexpr Size ld = R * kLanes<T>;
  T whole[N * ld];
  const auto first = [&](Size j) { return j > to.skew ? j - to.skew : Size{0}; };
  for (Size j = 0; j < to.columns; ++j)
    for (Size i = first(j); i < to.rows; ++i)
      whole[i + j * ld] = to.fresh ? T(0) : to.c[i + j * to.ld];
  put<T, R, N>(sum, {whole, ld, to.alpha, to.fresh, ld, N, ld});
  for (Size j = 0; j < to.columns; ++j)
    for (Size i = first(j); i < to.rows; ++i) to.c[i + j * to.ld] = whole[i + j * ld];
}

/// What a tile reads of an operand: entries of one line, or of one depth, are so far apart.
template <class T>
struct Operand {
  const T* at;
  Size line, depth;
};

/// A tile of R packets by N columns and the `count` - 1 that follow below, which are whole where
/// there are any: C += alpha times rows of `left`, whose lines of one depth follow one another,
/// times lines of `right`. Each sum runs over the depth in order.
/// @param below  from the rows of a tile to those of the next
template <class T, int R, int N, bool Packed>
void tiles(Size count, Size depth, const Operand<T>& left, Size below, Operand<T> right,
           Target<T> to) {
  constexpr Size width = kLanes<T>;
  const bool whole = to.rows == R * width && to.columns == N && to.skew >= N - 1;
  if constexpr (Packed) right = {right.at, 1, N};
  for (Size t = 0; t < count; ++t, to.c += R * width) {
    PacketOf<T> sum[N][R];
    OVERPRUNE_UNROLL
    for (int j = 0; j < N; ++j) OVERPRUNE_UNROLL
    for (int r = 0; r < R; ++r) sum[j][r] = spread(T(0));
    if (whole)
      for (int j = 0; j < N; ++j) {  // by the time that the sums are done, C is near
        fetch(to.c + j * to.ld);
        fetch(to.c + j * to.ld + R * width - 1);
      }
    const T *a = left.at + t * below, *b = right.at;
    OVERPRUNE_TWICE
    for (Size l = 0; l < depth; ++l, a += left.depth, b += right.depth) {
      PacketOf<T> lines[R];
      OVERPRUNE_UNROLL
      for (int r = 0; r < R; ++r) lines[r] = load(a + r * width);
      OVERPRUNE_UNROLL
      for (int j = 0; j < N; ++j) {
        const PacketOf<T> factor = spread(b[j * right.line]);
        OVERPRUNE_UNROLL
        for (int r = 0; r < R; ++r) sum[j][r] = add_product(sum[j][r], lines[r], factor);
      }
    }
    if (whole)
      put<T, R, N>(sum, to);
    else
      put_part<T, R, N>(sum, to);
  }
}

}  // namespace
OVERPRUNE_END_LEVEL
