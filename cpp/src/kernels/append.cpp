// Folding columns into a triangle: [L, W] Q = [new L, 0], LAPACK's TPLQT. The pivot of row c is
// L(c, c).
#include "kernels/reflectors.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

// From so many columns of W on, W is what passes through the caches; with fewer it is the triangle.
constexpr Size kMany = 128;
constexpr Size kColumns = 256;  // columns of W folded in at once

/// Reduces the first tile's rows of W (., m) against the diagonal block of L.
template <class T>
void reduce(Panel<T>& panel, Size m, Triangle<T> l, const T* w, Size ldw) {
  constexpr Size tile = kTileOf<T>;
  for (Size c = 0; c < tile; ++c)
    for (Size i = c; i < tile; ++i) l.to[i + c * l.ld_to] = l.from[i + c * l.ld_from];
  panel.read(m, w, ldw);
  for (Size c = 0; c < tile; ++c) {
    panel.multiply(c, 0, m);
    T* column = l.to + c * l.ld_to;
    column[c] = panel.reflect(c, column[c]);
    if (panel.tau[c] == T(0)) continue;
    T z[tile] = {};
    for (Size i = c + 1; i < tile; ++i) {
      z[i] = panel.tau[c] * (panel.d[c] * column[i] + panel.overlap[c][i]);
      column[i] -= z[i] * panel.d[c];
    }
    panel.subtract(c, 0, m, z);
  }
}

/// The reflectors of panels 0, ..., count - 1 on the rows below, at row 0 of W and of L in the
/// first panel's first column. Each tile of rows meets all panels while it is in the nearest cache.
template <class T>
void apply(const Panel<T>* panels, Size count, Size rows, Size m, Triangle<T> l, T* w, Size ldw) {
  share_tiles<T>(rows, m, count, [=]<int R>(Size i, Rows<R>) {
    for (Size p = 0; p < count; ++p)
      apply_tile<R, true>(panels[p], m, l.at(i, p * kTileOf<T>), w + i, ldw);
  });
}

template <class T>
void fold_columns(Size pivots, Size rows, Size m, const Triangle<T>& l, T* w, Size ldw) {
  constexpr Size tile = kTileOf<T>;
  Panel<T> panels[kPanels<T>];
  place(panels, m);
  const Size together = (m < kMany ? 1 : kPanels<T>)*tile;
  for (Size first = 0; first < pivots; first += together) {
    const Size end = pivots - first < together ? pivots : first + together;
    for (Size c = first; c < end; c += tile) {
      Panel<T>& panel = panels[(c - first) / tile];
      const Size below = c + tile;
      reduce(panel, m, l.at(c, c), w + c, ldw);
      apply(&panel, 1, end - below, m, l.at(below, c), w + below, ldw);
    }
    apply(panels, (end - first) / tile, rows - end, m, l.at(end, first), w + end, ldw);
  }
}

template <class T>
void append(Size n, Size m, const T* l, Size ldl, T* w, Size ldw, T* out, Size ldo) {
  Triangle<T> triangle{l, ldl, out, ldo};
  for (Size first = 0; first < m; first += kColumns) {
    fold_columns(n, n, m - first < kColumns ? m - first : kColumns, triangle, w + first * ldw, ldw);
    triangle = {out, ldo, out, ldo};
  }
}

}  // namespace

void fold(Size pivots, Size rows, Size m, const Triangle<double>& l, double* w, Size ldw) {
  fold_columns(pivots, rows, m, l, w, ldw);
}

void append_columns(Size n, Size m, const double* l, Size ldl, double* w, Size ldw, double* out,
                    Size ldo) {
  append(n, m, l, ldl, w, ldw, out, ldo);
}

void append_columns_single(Size n, Size m, const float* l, Size ldl, float* w, Size ldw, float* out,
                           Size ldo) {
  append(n, m, l, ldl, w, ldw, out, ldo);
}

OVERPRUNE_END_LEVEL
