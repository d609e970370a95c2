// Cholesky factorization in register tiles: Eigen's own leaves half the speed at the sizes of a
// support.
#include "kernels/factors.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

// columns factored before the rest of the matrix is brought up to date
constexpr Size kBlock = 128;

/// Cholesky factor of the corner, in its place; false where a pivot is not positive.
bool factor(Corner& corner) {
  auto& lower = corner.lower;
  for (Size c = 0; c < kTile; ++c) {
    if (!(lower[c][c] > 0.0)) return false;
    lower[c][c] = Eigen::numext::sqrt(lower[c][c]);
    corner.inverse[c] = 1.0 / lower[c][c];
    for (Size i = c + 1; i < kTile; ++i) lower[c][i] *= corner.inverse[c];
    for (Size b = c + 1; b < kTile; ++b)
      for (Size i = b; i < kTile; ++i) lower[b][i] -= lower[c][i] * lower[c][b];
  }
  return true;
}

/// Columns depth, ..., depth + kTile - 1 of a block column whose first `depth` columns are done.
/// `a` is the block column's diagonal entry; `rows` are those from the diagonal down.
bool factor_columns(double* a, Size lda, Size rows, Size depth) {
  double* head = a + depth;
  Corner corner;
  for (Size r = 0; r < kTile; r += kWidth) {
    Tile<1> tile;
    tile.read(head + r + depth * lda, lda);
    subtract_factors(tile, head + r, lda, head, lda, depth);
    for (Size c = 0; c < kTile; ++c) store(&corner.lower[c][r], tile.value[0][c]);
  }
  if (!factor(corner)) return false;
  for (Size c = 0; c < kTile; ++c)
    for (Size i = c; i < kTile; ++i) head[i + (depth + c) * lda] = corner.lower[c][i];
  Size i = depth + kTile;
  for (; i + kTall * kWidth <= rows; i += kTall * kWidth)
    solve_rows<kTall>(a + i, lda, head, lda, depth, corner);
  for (; i < rows; i += kWidth) solve_rows<1>(a + i, lda, head, lda, depth, corner);
  return true;
}

/// Block column of `width` columns over `rows` rows, both multiples of kTile, up to date with those
/// before.
bool factor_block(double* a, Size lda, Size rows, Size width) {
  for (Size depth = 0; depth < width; depth += kTile)
    if (!factor_columns(a, lda, rows, depth)) return false;
  return true;
}

bool factor_tiles(Size n, double* a, Size lda) {
  for (Size first = 0; first < n; first += kBlock) {
    const Size width = n - first < kBlock ? n - first : kBlock, rest = n - first - width;
    double* corner = a + first * (lda + 1);
    if (!factor_block(corner, lda, n - first, width)) return false;
    symmetric_product(false, rest, width, -1.0, corner + width, lda, corner + width * (lda + 1),
                      lda);
  }
  return true;
}

}  // namespace

bool cholesky(Size n, double* a, Size lda) {
  if (n % kTile == 0) return factor_tiles(n, a, lda);
  // Whole tiles: bordered by an identity.
  const Size whole = (n + kTile - 1) / kTile * kTile;
  Eigen::MatrixXd bordered = Eigen::MatrixXd::Zero(whole, whole);
  for (Size j = 0; j < n; ++j)
    for (Size i = j; i < n; ++i) bordered(i, j) = a[i + j * lda];
  for (Size j = n; j < whole; ++j) bordered(j, j) = 1.0;
  const bool definite = factor_tiles(whole, bordered.data(), whole);
  for (Size j = 0; j < n; ++j)
    for (Size i = j; i < n; ++i) a[i + j * lda] = bordered(i, j);
  return definite;
}

OVERPRUNE_END_LEVEL
