// Folding columns into a triangle: [L, W] Q = [new L, 0] by Householder reflectors, LAPACK's TPLQT.
//
// The reflector of row c is u = (d_c at column c of L; v_c, row c of W as the reflectors before left it),
// with H = I - tau u u'. A panel of kTile rows is reduced one by one; the rows below meet its kTile
// reflectors at once: with x a row of W and l of L,  z_c = tau_c (d_c l_c + x v_c' - sum over b < c of z_b
// v_b v_c'), l_c -= z_c d_c, x -= sum of z_c v_c. A tile of rows does that without leaving the registers but
// to walk W twice.
#include "kernels/packet.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

constexpr Size kPanels = 4;     // reduced before the rows below follow, where W has many columns;
constexpr Size kMany = 128;     // where it has few, it is the triangle that passes through the caches
constexpr Size kColumns = 256;  // columns of W folded in at once

/// A triangle as it was and as it becomes; the two may be the same memory.
struct Triangle {
  const double* from;
  Size ld_from;
  double* to;
  Size ld_to;

  Triangle at(Size i, Size j) const { return {from + i + j * ld_from, ld_from, to + i + j * ld_to, ld_to}; }
};

/// kTile reflectors; of each only d, tau and v are kept, the last packed by columns of W.
struct Panel {
  double d[kTile], tau[kTile];
  double overlap[kTile][kTile];  // [c][b] = v_b v_c' for b < c
  double v[kColumns * kTile];
};

/// Reduces rows 0, ..., kTile - 1 of W (., m) against the diagonal block of L.
void reduce(Panel& panel, Size m, Triangle l, double* w, Size ldw) {
  constexpr int packets = kTile / kWidth;
  for (Size c = 0; c < kTile; ++c)
    for (Size i = c; i < kTile; ++i) l.to[i + c * l.ld_to] = l.from[i + c * l.ld_from];
  for (Size j = 0; j < m; ++j)
    for (int r = 0; r < packets; ++r) store(panel.v + j * kTile + r * kWidth, load(w + j * ldw + r * kWidth));
  for (Size c = 0; c < kTile; ++c) {
    // Products of row c with all rows, in four sums at once for the latency's sake.
    Packet sums[4][packets];
    for (auto& sum : sums)
      for (Packet& value : sum) value = spread(0.0);
    const double* v = panel.v;
    Size j = 0;
    for (; j + 4 <= m; j += 4, v += 4 * kTile)
      for (int s = 0; s < 4; ++s)
        for (int r = 0; r < packets; ++r)
          sums[s][r] = add_product(sums[s][r], load(v + s * kTile + r * kWidth), spread(v[s * kTile + c]));
    for (; j < m; ++j, v += kTile)
      for (int r = 0; r < packets; ++r)
        sums[0][r] = add_product(sums[0][r], load(v + r * kWidth), spread(v[c]));
    double* product = panel.overlap[c];
    for (int r = 0; r < packets; ++r)
      store(product + r * kWidth, Eigen::internal::padd(Eigen::internal::padd(sums[0][r], sums[1][r]),
                                                        Eigen::internal::padd(sums[2][r], sums[3][r])));
    panel.d[c] = panel.tau[c] = 0.0;
    const double norm2 = product[c];
    if (norm2 == 0.0) continue;  // nothing to annihilate: the reflector is the identity
    double* column = l.to + c * l.ld_to;
    const double alpha = column[c], length = Eigen::numext::sqrt(alpha * alpha + norm2);
    const double beta = alpha > 0.0 ? -length : length, d = alpha - beta, tau = -1.0 / (beta * d);
    column[c] = beta;
    panel.d[c] = d;
    panel.tau[c] = tau;
    double z[kTile] = {};
    for (Size i = c + 1; i < kTile; ++i) {
      z[i] = tau * (d * column[i] + product[i]);
      column[i] -= z[i] * d;
    }
    Packet step[packets];
    for (int r = 0; r < packets; ++r) step[r] = load(z + r * kWidth);
    double* to = panel.v;
    for (j = 0; j < m; ++j, to += kTile) {
      const Packet own = spread(to[c]);
      for (int r = 0; r < packets; ++r)
        store(to + r * kWidth, subtract_product(load(to + r * kWidth), step[r], own));
    }
  }
}

/// The panel's reflectors on a tile of rows: `l` at its first row and the panel's first column.
template <int R>
void apply_tile(const Panel& panel, Size m, Triangle l, double* w, Size ldw) {
  Tile<R> z;
  for (Size c = 0; c < kTile; ++c)
    for (int r = 0; r < R; ++r)
      z.value[r][c] = Eigen::internal::pmul(load(l.from + r * kWidth + c * l.ld_from), spread(panel.d[c]));
  const double* v = panel.v;
  for (Size j = 0; j < m; ++j, v += kTile) {
    Packet x[R];
    for (int r = 0; r < R; ++r) x[r] = load(w + r * kWidth + j * ldw);
    for (Size c = 0; c < kTile; ++c)
      for (int r = 0; r < R; ++r) z.value[r][c] = add_product(z.value[r][c], x[r], spread(v[c]));
  }
  for (Size c = 0; c < kTile; ++c) {
    for (Size b = 0; b < c; ++b)
      for (int r = 0; r < R; ++r)
        z.value[r][c] = subtract_product(z.value[r][c], z.value[r][b], spread(panel.overlap[c][b]));
    for (int r = 0; r < R; ++r) {
      z.value[r][c] = Eigen::internal::pmul(z.value[r][c], spread(panel.tau[c]));
      const Packet before = load(l.from + r * kWidth + c * l.ld_from);
      store(l.to + r * kWidth + c * l.ld_to, subtract_product(before, z.value[r][c], spread(panel.d[c])));
    }
  }
  v = panel.v;
  for (Size j = 0; j < m; ++j, v += kTile) {
    Packet x[R];
    for (int r = 0; r < R; ++r) x[r] = load(w + r * kWidth + j * ldw);
    for (Size c = 0; c < kTile; ++c)
      for (int r = 0; r < R; ++r) x[r] = subtract_product(x[r], z.value[r][c], spread(v[c]));
    for (int r = 0; r < R; ++r) store(w + r * kWidth + j * ldw, x[r]);
  }
}

/// The reflectors of panels 0, ..., count - 1 on `rows` rows (a multiple of kTile); `l` at the first row and
/// the first panel's first column. Each tile of rows meets all panels while it is in the nearest cache.
void apply(const Panel* panels, Size count, Size rows, Size m, Triangle l, double* w, Size ldw) {
  Size i = 0;
  for (; i + kTall * kWidth <= rows; i += kTall * kWidth)
    for (Size p = 0; p < count; ++p) apply_tile<kTall>(panels[p], m, l.at(i, p * kTile), w + i, ldw);
  for (; i < rows; i += kWidth)
    for (Size p = 0; p < count; ++p) apply_tile<1>(panels[p], m, l.at(i, p * kTile), w + i, ldw);
}

void fold(Size n, Size m, Triangle l, double* w, Size ldw) {
  Panel panels[kPanels];
  const Size together = (m < kMany ? 1 : kPanels) * kTile;
  for (Size first = 0; first < n; first += together) {
    const Size rest = n - first, own = rest < together ? rest : together;
    for (Size c = 0; c < own; c += kTile) {
      Panel& panel = panels[c / kTile];
      const Size below = c + kTile;
      reduce(panel, m, l.at(first + c, first + c), w + first + c, ldw);
      apply(&panel, 1, own - below, m, l.at(first + below, first + c), w + first + below, ldw);
    }
    apply(panels, own / kTile, rest - own, m, l.at(first + own, first), w + first + own, ldw);
  }
}

}  // namespace

void append_columns(Size n, Size m, const double* l, Size ldl, double* w, Size ldw, double* out, Size ldo) {
  Triangle triangle{l, ldl, out, ldo};
  for (Size first = 0; first < m; first += kColumns) {
    const Size count = m - first < kColumns ? m - first : kColumns;
    double* part = w + first * ldw;
    fold(n, count, triangle, part, ldw);
    triangle = {out, ldo, out, ldo};
  }
}

OVERPRUNE_END_LEVEL
