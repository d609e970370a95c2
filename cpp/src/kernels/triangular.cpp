// Triangular solves: blocks of rows, each solved in register tiles, and products between them.
#include "kernels/factors.hpp"
#include "kernels/matvec.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

constexpr Size kTogether = 64;  // rows solved before the others are brought up to date
constexpr Size kSides = 64;     // right sides that are solved together
constexpr Size kFew = 3;        // right sides from which on tiles pay

static_assert(kTogether % kTile == 0 && kSides % (kTall * kWidth) == 0, "whole tiles");

/// op(T) (n, n) with its rows and columns in the order in which unknowns are solved for, so that it
/// is a lower triangle.
template <class T>
struct Ordered {
  const T* t;
  Size n, down, across;  // from one unknown's row and column to the next one's

  Ordered(bool lower, bool transpose, Size n_, const T* from, Size ld)
      : t(from), n(n_), down(transpose ? ld : 1), across(transpose ? 1 : ld) {
    if (lower != transpose) return;
    t += (n - 1) * (ld + 1);
    down = -down;
    across = -across;
  }
  T operator()(Size i, Size j) const { return t[i * down + j * across]; }

  /// Rows first, ..., first + kTile - 1 before the diagonal, one column after the other, and their
  /// corner; an identity fills what lies past the last row.
  void read(Size first, T* cols, Corner& corner) const {
    const Size rows = n - first < kTile ? n - first : kTile;
    read_before(first, rows, cols);
    for (Size c = 0; c < kTile; ++c) {
      corner.inverse[c] = c < rows ? 1.0 / (*this)(first + c, first + c) : 1.0;
      for (Size b = c + 1; b < kTile; ++b)
        corner.lower[c][b] = b < rows ? (*this)(first + b, first + c) : 0.0;
    }
  }

 private:
  void read_before(Size first, Size rows, T* cols) const {
    const T* from = t + first * down;
    if (rows == kTile && down == 1) {  // a column's lie side by side in memory
      for (Size j = 0; j < first; ++j)
        for (Size c = 0; c < kTile; c += kWidth)
          store(cols + c + j * kTile, load(from + c + j * across));
      return;
    }
    if (rows == kTile && (across == 1 || across == -1)) {  // a row's
      const Size start = across == 1 ? 0 : kWidth - 1;     // the first in memory of kWidth
      for (Size j = 0; j < first; j += kWidth)
        for (Size c = 0; c < kTile; c += kWidth)
          transpose_square(from + c * down + (j + start) * across, down,
                           cols + c + (j + start) * kTile, across * kTile);
      return;
    }
    for (Size j = 0; j < first; ++j)
      for (Size c = 0; c < kTile; ++c)
        cols[c + j * kTile] = c < rows ? from[c * down + j * across] : 0.0;
  }
};

/// Calls body(i, j) for all i < n, j < m, along the columns where they are few.
template <class Body>
OVERPRUNE_INLINE void each_entry(Size n, Size m, Body body) {
  if (m <= kSkinny) {
    for (Size j = 0; j < m; ++j)
      for (Size i = 0; i < n; ++i) body(i, j);
  } else {
    for (Size i = 0; i < n; ++i)
      for (Size j = 0; j < m; ++j) body(i, j);
  }
}

/// Solves for at most kTogether rows and kSides right sides. They are transposed, so that a
/// register holds one unknown of several of them.
void solve_block(const Ordered<double>& triangle, Size m, double* b, Size ldb) {
  alignas(64) double x[kTogether * kSides], cols[kTogether * kTile];
  const Size n = triangle.n, sides = (m + kWidth - 1) / kWidth * kWidth;
  const bool forward = triangle.down > 0;
  const Size rows = (n + kTile - 1) / kTile * kTile;
  const Size start = forward ? 0 : n - 1, next = forward ? 1 : -1;
  each_entry(n, m, [&](Size i, Size j) { x[j + i * sides] = b[start + i * next + j * ldb]; });
  for (Size j = m; j < sides; ++j)
    for (Size i = 0; i < n; ++i) x[j + i * sides] = 0.0;
  for (Size at = n * sides; at < rows * sides; ++at) x[at] = 0.0;
  for (Size first = 0; first < n; first += kTile) {
    Corner corner;
    triangle.read(first, cols, corner);
    Size j = 0;
    for (; j + kTall * kWidth <= sides; j += kTall * kWidth)
      solve_rows<kTall>(x + j, sides, cols, kTile, first, corner);
    for (; j < sides; j += kWidth) solve_rows<1>(x + j, sides, cols, kTile, first, corner);
  }
  each_entry(n, m, [&](Size i, Size j) { b[start + i * next + j * ldb] = x[j + i * sides]; });
}

/// One right side, a few unknowns at a time. What they leave of the others, or the others of them,
/// goes down whole columns of T.
template <class T>
void solve_vector(bool lower, bool transpose, Size n, const T* t, Size ldt, T* b) {
  const bool forward = lower != transpose;
  for (Size done = 0; done < n; done += kTile) {
    const Size width = n - done < kTile ? n - done : kTile;
    const Size first = forward ? done : n - done - width, after = forward ? first + width : 0;
    const Size others = transpose ? done : n - done - width;
    const Size row = transpose == forward ? 0 : first + width;
    T* own = b + first;
    if (transpose && others > 0)
      matvec(true, others, width, T(-1), t + row + first * ldt, ldt, b + row, 1, own);
    const Ordered<T> triangle(lower, transpose, width, t + first * (ldt + 1), ldt);
    T* const x = forward ? own : own + width - 1;
    const Size next = forward ? 1 : -1;
    for (Size j = 0; j < width; ++j) {
      const T found = x[j * next] /= triangle(j, j);
      for (Size i = j + 1; i < width; ++i) x[i * next] -= triangle(i, j) * found;
    }
    if (!transpose && others > 0)
      matvec(false, others, width, T(-1), t + after + first * ldt, ldt, own, 1, b + after);
  }
}

}  // namespace

void solve_triangular(bool lower, bool transpose, Size n, Size m, const double* t, Size ldt,
                      double* b, Size ldb) {
  if (n * n >= kWorthALook) look();
  if (m < kFew) {
    for (Size j = 0; j < m; ++j) solve_vector(lower, transpose, n, t, ldt, b + j * ldb);
    return;
  }
  const bool forward = lower != transpose;
  const Size blocks = (n + kTogether - 1) / kTogether;
  for (Size q = 0; q < blocks; ++q) {
    const Size first = kTogether * (forward ? q : blocks - 1 - q);
    const Size width = n - first < kTogether ? n - first : kTogether;
    const Ordered<double> triangle(lower, transpose, width, t + first * (ldt + 1), ldt);
    for (Size column = 0; column < m; column += kSides)
      solve_block(triangle, m - column < kSides ? m - column : kSides, b + first + column * ldb,
                  ldb);
    const Size next = forward ? first + width : 0, rest = forward ? n - next : first;
    if (rest == 0) continue;
    const double* beside = transpose ? t + first + next * ldt : t + next + first * ldt;
    gemm(transpose, false, rest, m, width, -1.0, beside, ldt, b + first, ldb, 1.0, b + next, ldb);
  }
}

void solve_single(bool transpose, Size n, const float* l, Size ldl, float* x) {
  if (n * n >= kWorthALook) look();
  solve_vector(true, transpose, n, l, ldl, x);
}

OVERPRUNE_END_LEVEL
