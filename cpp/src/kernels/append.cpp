// Folding columns into a triangle: [L, W] Q = [new L, 0] by Householder reflectors, LAPACK's TPLQT.
//
// The reflector of row c is u = (d_c at column c of L; v_c, row c of W as the reflectors before left it),
// with H = I - tau u u'. A panel of kTile rows is reduced one by one; the rows below meet its kTile
// reflectors at once: with x a row of W and l of L,  z_c = tau_c (d_c l_c + x v_c' - sum over b < c of z_b
// v_b v_c'), l_c -= z_c d_c, x -= sum of z_c v_c. A tile of rows does that without leaving the registers but
// to walk W twice. Where W is larger than a cache, kOuter rows are reduced first and the rest follows in
// products.
#include "kernels/maps.hpp"
#include "kernels/packet.hpp"
#include "kernels/scratch.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

constexpr Size kOuter = 32;             // rows of an outer panel
constexpr Size kColumns = 256;          // columns of W folded in at once
constexpr Size kInCache = 1024 * 1024;  // bytes of W that tiles may walk again and again

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

/// The panel's reflectors on `rows` rows (a multiple of kTile).
void apply(const Panel& panel, Size rows, Size m, Triangle l, double* w, Size ldw) {
  Size i = 0;
  for (; i + kTall * kWidth <= rows; i += kTall * kWidth) apply_tile<kTall>(panel, m, l.at(i, 0), w + i, ldw);
  for (; i < rows; i += kWidth) apply_tile<1>(panel, m, l.at(i, 0), w + i, ldw);
}

/// All in cache: panel after panel.
void fold(Size n, Size m, Triangle l, double* w, Size ldw) {
  Panel panel;
  for (Size c = 0; c < n; c += kTile) {
    reduce(panel, m, l.at(c, c), w + c, ldw);
    const Size below = c + kTile;
    apply(panel, n - below, m, l.at(below, c), w + below, ldw);
  }
}

/// Outer panels: their reflectors are written over their rows of W and go to the rows below as
/// Z = (L D + W V') T, L -= Z D, W -= Z V.
void fold_blocked(Size n, Size m, Triangle l, double* w, Size ldw) {
  Panel panel;
  double d[kOuter], tau[kOuter];
  double* z = scratch(Scratch::work, 2 * n * kOuter + 2 * kOuter * kOuter);
  double *product = z + n * kOuter, *overlap = product + n * kOuter, *t = overlap + kOuter * kOuter;
  for (Size first = 0; first < n; first += kOuter) {
    const Size width = n - first < kOuter ? n - first : kOuter, rest = n - first - width;
    const Triangle corner = l.at(first, first);
    double* own = w + first;
    for (Size c = 0; c < width; c += kTile) {
      reduce(panel, m, corner.at(c, c), own + c, ldw);
      const Size below = c + kTile;
      apply(panel, width - below, m, corner.at(below, c), own + below, ldw);
      for (Size j = 0; j < m; ++j)
        for (Size i = 0; i < kTile; ++i) own[c + i + j * ldw] = panel.v[j * kTile + i];
      for (Size i = 0; i < kTile; ++i) d[c + i] = panel.d[i], tau[c + i] = panel.tau[i];
    }
    if (rest == 0) continue;
    // T upper triangular: column c = tau_c (e_c - T (overlaps of v_c with those before)).
    gemm(false, true, width, width, m, 1.0, own, ldw, own, ldw, 0.0, overlap, width);
    for (Size c = 0; c < width; ++c) {
      double* column = t + c * width;
      for (Size i = 0; i < width; ++i) column[i] = 0.0;
      for (Size b = 0; b < c; ++b)
        for (Size i = 0; i <= b; ++i) column[i] -= t[i + b * width] * overlap[b + c * width];
      for (Size i = 0; i < c; ++i) column[i] *= tau[c];
      column[c] = tau[c];
    }
    const Triangle below = corner.at(width, 0);
    double* rows = own + width;
    for (Size c = 0; c < width; ++c)
      for (Size i = 0; i < rest; ++i) product[i + c * rest] = d[c] * below.from[i + c * below.ld_from];
    gemm(false, true, rest, width, m, 1.0, rows, ldw, own, ldw, 1.0, product, rest);
    gemm(false, false, rest, width, width, 1.0, product, rest, t, width, 0.0, z, rest);
    for (Size c = 0; c < width; ++c)
      for (Size i = 0; i < rest; ++i)
        below.to[i + c * below.ld_to] = below.from[i + c * below.ld_from] - d[c] * z[i + c * rest];
    gemm(false, false, rest, m, width, -1.0, z, rest, own, ldw, 1.0, rows, ldw);
  }
}

}  // namespace

void append_columns(Size n, Size m, const double* l, Size ldl, double* w, Size ldw, double* out, Size ldo) {
  Triangle triangle{l, ldl, out, ldo};
  for (Size first = 0; first < m; first += kColumns) {
    const Size count = m - first < kColumns ? m - first : kColumns;
    double* part = w + first * ldw;
    if (n * count * static_cast<Size>(sizeof(double)) <= kInCache)
      fold(n, count, triangle, part, ldw);
    else
      fold_blocked(n, count, triangle, part, ldw);
    triangle = {out, ldo, out, ldo};
  }
}

OVERPRUNE_END_LEVEL
