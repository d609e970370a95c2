// Folding columns into a triangle: [L, W] Q = [new L, 0], LAPACK's TPLQT. The pivot of row c is
// L(c, c).
#include "kernels/reflectors.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

// From so many columns of W on, W is what passes through the caches; with fewer it is the triangle.
constexpr Size kMany = 128;
constexpr Size kColumns = 256;  // columns of W folded in at once

/// Reduces rows 0, ..., kTile - 1 of W (., m) against the diagonal block of L.
void reduce(Panel& panel, Size m, Triangle l, const double* w, Size ldw) {
  for (Size c = 0; c < kTile; ++c)
    for (Size i = c; i < kTile; ++i) l.to[i + c * l.ld_to] = l.from[i + c * l.ld_from];
  panel.read(m, w, ldw);
  for (Size c = 0; c < kTile; ++c) {
    panel.multiply(c, 0, m);
    double* column = l.to + c * l.ld_to;
    column[c] = panel.reflect(c, column[c]);
    if (panel.tau[c] == 0.0) continue;
    double z[kTile] = {};
    for (Size i = c + 1; i < kTile; ++i) {
      z[i] = panel.tau[c] * (panel.d[c] * column[i] + panel.overlap[c][i]);
      column[i] -= z[i] * panel.d[c];
    }
    panel.subtract(c, 0, m, z);
  }
}

/// The reflectors of panels 0, ..., count - 1 on the rows below, at row 0 of W and of L in the
/// first panel's first column. Each tile of rows meets all panels while it is in the nearest cache.
void apply(const Panel* panels, Size count, Size rows, Size m, Triangle l, double* w, Size ldw) {
  share_tiles(rows, m, count, [=]<int R>(Size i, Rows<R>) {
    for (Size p = 0; p < count; ++p)
      apply_tile<R, true>(panels[p], m, l.at(i, p * kTile), w + i, ldw);
  });
}

}  // namespace

void fold(Size pivots, Size rows, Size m, const Triangle& l, double* w, Size ldw) {
  Panel panels[kPanels];
  place(panels, m);
  const Size together = (m < kMany ? 1 : kPanels) * kTile;
  for (Size first = 0; first < pivots; first += together) {
    const Size end = pivots - first < together ? pivots : first + together;
    for (Size c = first; c < end; c += kTile) {
      Panel& panel = panels[(c - first) / kTile];
      const Size below = c + kTile;
      reduce(panel, m, l.at(c, c), w + c, ldw);
      apply(&panel, 1, end - below, m, l.at(below, c), w + below, ldw);
    }
    apply(panels, (end - first) / kTile, rows - end, m, l.at(end, first), w + end, ldw);
  }
}

void append_columns(Size n, Size m, const double* l, Size ldl, double* w, Size ldw, double* out,
                    Size ldo) {
  Triangle triangle{l, ldl, out, ldo};
  for (Size first = 0; first < m; first += kColumns) {
    fold(n, n, m - first < kColumns ? m - first : kColumns, triangle, w + first * ldw, ldw);
    triangle = {out, ldo, out, ldo};
  }
}

OVERPRUNE_END_LEVEL
