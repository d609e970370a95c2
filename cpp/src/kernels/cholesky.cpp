// Cholesky factorization in register tiles: Eigen's own leaves half the speed at the sizes of a
// support. The rows below a square on the diagonal are solved against it one tile after the other:
// a tile stays in the nearest cache, and threads may share them.
#include "kernels/factors.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

// columns factored before the rest of the matrix is brought up to date
constexpr Size kBlock = 128;
// Columns and packets of rows that are solved against the square above them in registers.
constexpr Size kSolved = kWidth == 8 ? 8 : 4;
constexpr int kSolvedPackets = 2;
constexpr Size kSolvedRows = kSolvedPackets * kWidth;

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

/// Cholesky factor of a square of `width` rows, a multiple of kTile.
bool factor_square(double* a, Size lda, Size width) {
  for (Size depth = 0; depth < width; depth += kTile)
    if (!factor_columns(a, lda, width, depth)) return false;
  return true;
}

/// A lower triangle of at most kBlock rows in the order in which rows are solved against it.
class PackedTriangle {
 public:
  PackedTriangle(const double* a, Size lda, Size width) : width_(width) {
    double* to = before_;
    for (Size first = 0; first < width; first += kSolved) {
      const double* rows = a + first;
      for (Size t = 0; t < first; ++t)
        for (Size c = 0; c < kSolved; ++c) *to++ = rows[c + t * lda];
      auto& corner = corners_[first / kSolved];
      for (Size c = 0; c < kSolved; ++c) {
        corner.inverse[c] = 1.0 / rows[c + (first + c) * lda];
        for (Size b = c + 1; b < kSolved; ++b) corner.lower[c][b] = rows[b + (first + c) * lda];
      }
    }
  }

  /// X with X L' = B in B's place, for R packets of rows.
  template <int R>
  void solve(double* rows, Size ld) const {
    const double* before = before_;
    for (Size first = 0; first < width_; first += kSolved) {
      double* own = rows + first * ld;
      Packet value[kSolved][R];
      OVERPRUNE_UNROLL
      for (Size c = 0; c < kSolved; ++c) OVERPRUNE_UNROLL
      for (int r = 0; r < R; ++r) value[c][r] = load(own + r * kWidth + c * ld);
      for (Size t = 0; t < first; ++t, before += kSolved) {
        Packet left[R];
        OVERPRUNE_UNROLL
        for (int r = 0; r < R; ++r) left[r] = load(rows + r * kWidth + t * ld);
        OVERPRUNE_UNROLL
        for (Size c = 0; c < kSolved; ++c) {
          const Packet right = spread(before[c]);
          OVERPRUNE_UNROLL
          for (int r = 0; r < R; ++r) value[c][r] = subtract_product(value[c][r], left[r], right);
        }
      }
      const auto& corner = corners_[first / kSolved];
      OVERPRUNE_UNROLL
      for (Size c = 0; c < kSolved; ++c) {
        OVERPRUNE_UNROLL
        for (int r = 0; r < R; ++r) {
          value[c][r] = scaled(value[c][r], spread(corner.inverse[c]));
          store(own + r * kWidth + c * ld, value[c][r]);
        }
        OVERPRUNE_UNROLL
        for (Size b = c + 1; b < kSolved; ++b) OVERPRUNE_UNROLL
        for (int r = 0; r < R; ++r)
          value[b][r] = subtract_product(value[b][r], value[c][r], spread(corner.lower[c][b]));
      }
    }
  }

 private:
  struct Corner {
    double lower[kSolved][kSolved], inverse[kSolved];
  };

  Size width_;
  alignas(64) double before_[kBlock * kBlock / 2];  // [column, then row] before the corners
  Corner corners_[kBlock / kSolved];
};

/// Rows below a square, shared among the threads of a team.
void solve_below(const PackedTriangle& triangle, Size width, Size count, double* rows, Size ld) {
  struct Below {
    const PackedTriangle* triangle;
    double* rows;
    Size ld;
  } below{&triangle, rows, ld};
  share(
      count, kSolvedRows, static_cast<double>(count * width * width),
      [](const void* context, Size i, Size end) {
        const Below& own = *static_cast<const Below*>(context);
        for (; i + kSolvedRows <= end; i += kSolvedRows)
          own.triangle->solve<kSolvedPackets>(own.rows + i, own.ld);
        for (; i < end; i += kWidth) own.triangle->solve<1>(own.rows + i, own.ld);
      },
      &below);
}

bool factor_tiles(Size n, double* a, Size lda) {
  for (Size first = 0; first < n; first += kBlock) {
    const Size width = n - first < kBlock ? n - first : kBlock, rest = n - first - width;
    double *corner = a + first * (lda + 1), *below = corner + width;
    if (!factor_square(corner, lda, width)) return false;
    if (rest == 0) break;
    solve_below({corner, lda, width}, width, rest, below, lda);
    symmetric_product(false, rest, width, -1.0, below, lda, below + width * lda, lda);
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
