// Register tiles of a Cholesky factorization and of triangular solves. Internal linkage: every
// level has its own.
#pragma once

#include "kernels/packet.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

/// The tile of rows `rows` (., depth) and columns `cols` (kTile, depth) minus their product.
template <int R>
OVERPRUNE_INLINE void subtract_factors(Tile<R>& tile, const double* rows, Size ld_rows,
                                       const double* cols, Size ld_cols, Size depth) {
  for (Size t = 0; t < depth; ++t) {
    Packet left[R];
    for (int r = 0; r < R; ++r) left[r] = load(rows + r * kWidth + t * ld_rows);
    for (Size c = 0; c < kTile; ++c) {
      const Packet right = spread(cols[c + t * ld_cols]);
      for (int r = 0; r < R; ++r)
        tile.value[r][c] = subtract_product(tile.value[r][c], left[r], right);
    }
  }
}

/// A lower triangle L of kTile rows and columns.
struct Corner {
  double lower[kTile][kTile];  // by columns
  double inverse[kTile];       // of the diagonal

  /// X with X L' = the tile, in its place.
  template <int R>
  OVERPRUNE_INLINE void solve(Tile<R>& tile) const {
    OVERPRUNE_UNROLL
    for (Size c = 0; c < kTile; ++c) {
      for (int r = 0; r < R; ++r) tile.value[r][c] = scaled(tile.value[r][c], spread(inverse[c]));
      OVERPRUNE_UNROLL
      for (Size b = c + 1; b < kTile; ++b)
        for (int r = 0; r < R; ++r)
          tile.value[r][b] =
              subtract_product(tile.value[r][b], tile.value[r][c], spread(lower[c][b]));
    }
  }
};

/// X with X L' = B in B's place, for a tile of rows of B, from the `depth` columns of X before and
/// the rows `cols` of L.
template <int R>
void solve_rows(double* rows, Size ld_rows, const double* cols, Size ld_cols, Size depth,
                const Corner& corner) {
  Tile<R> tile;
  double* own = rows + depth * ld_rows;
  tile.read(own, ld_rows);
  subtract_factors(tile, rows, ld_rows, cols, ld_cols, depth);
  corner.solve(tile);
  tile.write(own, ld_rows);
}

}  // namespace
OVERPRUNE_END_LEVEL
