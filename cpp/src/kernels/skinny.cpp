// Products with few columns on the right, straight from memory: Eigen's product would pack the left
// matrix, which costs more than the product itself.
#include "kernels/packet.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

constexpr int kLeft = 4;                     // columns of A in one tile of A'B
constexpr int kRight = kWidth == 8 ? 4 : 3;  // columns of B in one tile of A'B
constexpr int kDown = kWidth == 8 ? 4 : 3;   // packets of rows in one tile of A B
constexpr int kAcross = 4;                   // columns of B in one tile of A B
constexpr Size kCached = 32 * 1024;          // numbers of A to work through before going on
constexpr Size kRowsAtOnce = 960;            // rows of A in A B to work through
// Rows of A up to which a tile of A in A'B and the next one share the nearest cache.
constexpr Size kNear = 512;

/// Entries [whole, k) of B's columns at the end of packets that are zero before: a last packet of
/// A, begun where it still fits, then counts only what is new.
template <int N>
struct Tail {
  double value[N][kWidth];

  Tail(Size k, const double* b, Size ldb) {
    const Size rest = k % kWidth;
    for (int j = 0; j < N; ++j)
      for (Size i = 0; i < kWidth; ++i)
        value[j][i] = i < kWidth - rest ? 0.0 : b[k - kWidth + i + j * ldb];
  }
};

/// C (M, N) += alpha A'B, A (k, M), B (k, N), k >= kWidth. The next tile of A is fetched where it
/// is `Far` away.
template <int M, int N, bool Far>
void inner_tile(Size k, double alpha, const double* a, Size lda, const double* b, Size ldb,
                const Tail<N>& tail, double* c, Size ldc) {
  Packet sum[M][N];
  for (int i = 0; i < M; ++i)
    for (int j = 0; j < N; ++j) sum[i][j] = spread(0.0);
  const auto add = [&](Size at, const double* right, Size stride) {
    Packet x[N];
    for (int j = 0; j < N; ++j) x[j] = load(right + j * stride);
    for (int i = 0; i < M; ++i) {
      const Packet left = load(a + at + i * lda);
      if constexpr (Far) fetch(a + at + (M + i) * lda);
      for (int j = 0; j < N; ++j) sum[i][j] = add_product(sum[i][j], left, x[j]);
    }
  };
  const Size whole = k / kWidth * kWidth;
  for (Size l = 0; l < whole; l += kWidth) add(l, b + l, ldb);
  if (whole < k) add(k - kWidth, tail.value[0], kWidth);
  for (int j = 0; j < N; ++j)
    for (int i = 0; i < M; ++i) c[i + j * ldc] += alpha * Eigen::internal::predux(sum[i][j]);
}

template <int N, bool Far>
void inner_columns(Size m, Size k, double alpha, const double* a, Size lda, const double* b,
                   Size ldb, double* c, Size ldc) {
  const Tail<N> tail(k, b, ldb);
  Size i = 0;
  for (; i + kLeft <= m; i += kLeft)
    inner_tile<kLeft, N, Far>(k, alpha, a + i * lda, lda, b, ldb, tail, c + i, ldc);
  for (; i < m; ++i) inner_tile<1, N, Far>(k, alpha, a + i * lda, lda, b, ldb, tail, c + i, ldc);
}

/// Rows of C that follow one another: `to` for those from `skip` on, the rest has been written
/// before.
template <int R, int N>
void outer_tile(Size k, Size skip, double alpha, const double* a, Size lda, const double* b,
                Size ldb, double* c, Size ldc) {
  Packet sum[R][N];
  for (int r = 0; r < R; ++r)
    for (int j = 0; j < N; ++j) sum[r][j] = spread(0.0);
  for (Size l = 0; l < k; ++l) {
    Packet left[R];
    for (int r = 0; r < R; ++r) left[r] = load(a + r * kWidth + l * lda);
    for (int j = 0; j < N; ++j) {
      const Packet right = spread(b[l + j * ldb]);
      for (int r = 0; r < R; ++r) sum[r][j] = add_product(sum[r][j], left[r], right);
    }
  }
  const Packet factor = spread(alpha);
  for (int j = 0; j < N; ++j)
    for (int r = 0; r < R; ++r) {
      double* to = c + r * kWidth + j * ldc;
      if (skip == 0) {
        store(to, add_product(load(to), factor, sum[r][j]));
      } else {
        double value[kWidth];
        store(value, add_product(load(to), factor, sum[r][j]));
        for (Size i = skip; i < kWidth; ++i) to[i] = value[i];
      }
    }
}

template <int N>
void outer_columns(Size m, Size k, double alpha, const double* a, Size lda, const double* b,
                   Size ldb, double* c, Size ldc) {
  Size i = 0;
  for (; i + kDown * kWidth <= m; i += kDown * kWidth)
    outer_tile<kDown, N>(k, 0, alpha, a + i, lda, b, ldb, c + i, ldc);
  for (; i + kWidth <= m; i += kWidth)
    outer_tile<1, N>(k, 0, alpha, a + i, lda, b, ldb, c + i, ldc);
  if (i < m) {  // a last packet that begins in rows already done
    const Size start = m - kWidth;
    outer_tile<1, N>(k, i - start, alpha, a + start, lda, b, ldb, c + start, ldc);
  }
}

template <int N>
struct Group {};

/// Calls body(j, Group<N>) for columns j, ..., j + N - 1 until all n are done, N at most `Most` (3
/// or 4).
template <int Most, class Body>
void each_group(Size n, Body body) {
  Size j = 0;
  for (; j + Most <= n; j += Most) body(j, Group<Most>{});
  if (Most > 3 && n - j == 3) return body(j, Group<3>{});
  if (n - j == 2) return body(j, Group<2>{});
  if (n - j == 1) body(j, Group<1>{});
}

}  // namespace

bool is_skinny(bool transpose_a, Size m, Size n, Size k) {
  return n <= kSkinny && (transpose_a ? k : m) >= kWidth;
}

void skinny(bool transpose_a, Size m, Size n, Size k, double alpha, const double* a, Size lda,
            const double* b, Size ldb, double* c, Size ldc) {
  // A part of A at a time, which stays in cache for all columns of B. What is summed at once does
  // not depend on the rows, so that they may be shared out.
  const bool looks = m * n * k >= kWorthALook;
  if (transpose_a) {
    const Size cached = kCached / k, most = cached < 8 ? 8 : cached;
    for (Size i = 0; i < m; i += most) {
      const Size rows = m - i < most ? m - i : most;
      if (looks) look();
      each_group<kRight>(n, [&]<int N>(Size j, Group<N>) {
        const auto tiles = j == 0 && k <= kNear ? inner_columns<N, true> : inner_columns<N, false>;
        tiles(rows, k, alpha, a + i * lda, lda, b + j * ldb, ldb, c + i + j * ldc, ldc);
      });
    }
    return;
  }
  for (Size i = 0, rows = 0; i < m; i += rows) {
    // The last part is not too short, and all rows go at once where A is read only once.
    rows = n <= kAcross || m - i < kRowsAtOnce * 3 / 2 ? m - i : kRowsAtOnce;
    for (Size first = 0; first < k; first += kSkinnyDepth) {
      const Size depth = k - first < kSkinnyDepth ? k - first : kSkinnyDepth;
      if (looks) look();
      each_group<kAcross>(n, [&]<int N>(Size j, Group<N>) {
        outer_columns<N>(rows, depth, alpha, a + i + first * lda, lda, b + first + j * ldb, ldb,
                         c + i + j * ldc, ldc);
      });
    }
  }
}

OVERPRUNE_END_LEVEL
