// W = L Q by Householder reflectors from the right. The pivot of row c is W(c, c).
#include "kernels/reflectors.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

/// Reduces the first kTile rows of W (., m) against their own first columns, which become those of
/// L.
void reduce(Panel<double>& panel, Size m, double* w, Size ldw) {
  panel.read(m, w, ldw);
  for (Size c = 0; c < kTile; ++c) {
    panel.multiply(c, c + 1, m);
    double* pivots = panel.v + c * kTile;  // column c of all rows
    double* column = w + c * ldw;
    column[c] = panel.reflect(c, pivots[c]);
    const double d = panel.d[c], tau = panel.tau[c];
    double z[kTile] = {};
    for (Size i = c + 1; i < kTile; ++i) {
      z[i] = tau * (d * pivots[i] + panel.overlap[c][i]);
      column[i] = pivots[i] - z[i] * d;
      pivots[i] = 0.0;  // u_i has nothing before its pivot
    }
    if (tau != 0.0) panel.subtract(c, c + 1, m, z);
    for (Size b = 0; b < c; ++b) panel.overlap[c][b] += pivots[b] * d;
    pivots[c] = d;
  }
}

/// Rows 0, ..., pivots - 1 of W (rows, m) against pivots of their own, and the rows below.
void factor(Size pivots, Size rows, Size m, double* w, Size ldw) {
  constexpr Triangle<double> none{};
  Panel<double> panels[kPanels<double>];
  place(panels, m);
  for (Size first = 0; first < pivots; first += kPanels<double> * kTile) {
    const Size end =
        pivots - first < kPanels<double> * kTile ? pivots : first + kPanels<double> * kTile;
    for (Size c = first; c < end; c += kTile) {
      Panel<double>& panel = panels[(c - first) / kTile];
      const Size below = c + kTile;
      reduce(panel, m - c, w + c * (ldw + 1), ldw);
      each_tile<double>(end - below, [&]<int R>(Size i, Rows<R>) {
        apply_tile<R, false>(panel, m - c, none, w + below + i + c * ldw, ldw);
      });
    }
    share_tiles<double>(rows - end, m - first, (end - first) / kTile, [&]<int R>(Size i, Rows<R>) {
      for (Size c = first; c < end; c += kTile)
        apply_tile<R, false>(panels[(c - first) / kTile], m - c, none, w + end + i + c * ldw, ldw);
    });
  }
}

}  // namespace

void lq(Size pivots, Size rows, Size first, Size m, double* w, Size ldw) {
  for (; first < m; first += kReflectorColumns) {
    const Size count = m - first < kReflectorColumns ? m - first : kReflectorColumns;
    double* columns = w + first * ldw;
    const Size done = first < pivots ? first : pivots;
    fold(done, rows, count, {w, ldw, w, ldw}, columns, ldw);
    const Size rest = pivots - done < count ? pivots - done : count;
    if (rest > 0) factor(rest, rows - done, count, columns + done, ldw);
  }
}

OVERPRUNE_END_LEVEL
