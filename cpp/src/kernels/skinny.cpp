// Products with few columns on the right, straight from memory: Eigen's product would pack the left
// matrix, which costs more than the product itself.
#include "kernels/packet.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

constexpr int kLeft = 4;                     // columns of A in one tile of A'B
constexpr int kRight = kWidth == 8 ? 4 : 2;  // columns of B in one tile of A'B
constexpr int kDown = kWidth == 8 ? 4 : 2;   // packets of rows in one tile of A B
constexpr int kAcross = 4;                   // columns of B in one tile of A B
constexpr Size kCached = 32 * 1024;          // numbers of A to work through before going on
constexpr Size kDepthAtOnce = 32;            // columns of A in A B to work through

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

/// C (M, N) += alpha A'B, A (k, M), B (k, N), k >= kWidth.
template <int M, int N>
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
      Eigen::internal::prefetch(a + at +
                                (M + i) * lda);  // the next tile's, still far away where A is large
      for (int j = 0; j < N; ++j) sum[i][j] = add_product(sum[i][j], left, x[j]);
    }
  };
  const Size whole = k / kWidth * kWidth;
  for (Size l = 0; l < whole; l += kWidth) add(l, b + l, ldb);
  if (whole < k) add(k - kWidth, tail.value[0], kWidth);
  for (int j = 0; j < N; ++j)
    for (int i = 0; i < M; ++i) c[i + j * ldc] += alpha * Eigen::internal::predux(sum[i][j]);
}

template <int N>
void inner_columns(Size m, Size k, double alpha, const double* a, Size lda, const double* b,
                   Size ldb, double* c, Size ldc) {
  const Tail<N> tail(k, b, ldb);
  Size i = 0;
  for (; i + kLeft <= m; i += kLeft)
    inner_tile<kLeft, N>(k, alpha, a + i * lda, lda, b, ldb, tail, c + i, ldc);
  for (; i < m; ++i) inner_tile<1, N>(k, alpha, a + i * lda, lda, b, ldb, tail, c + i, ldc);
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

/// Calls body(j, Group<N>) for columns j, ..., j + N - 1 until all n are done, N at most `Most` (2
/// or 4).
template <int Most, class Body>
void each_group(Size n, Body body) {
  Size j = 0;
  for (; j + Most <= n; j += Most) body(j, Group<Most>{});
  if (Most > 3 && n - j == 3) return body(j, Group<3>{});
  if (Most > 2 && n - j == 2) return body(j, Group<2>{});
  if (n - j == 1) body(j, Group<1>{});
}

}  // namespace

bool is_skinny(bool transpose_a, Size m, Size n, Size k) {
  return n <= kSkinny && (transpose_a ? k : m) >= kWidth;
}

void skinny(bool transpose_a, Size m, Size n, Size k, double alpha, const double* a, Size lda,
            const double* b, Size ldb, double* c, Size ldc) {
  // So many columns of A at a time that they stay in cache for all columns of B. What is summed at
  // once does not depend on the rows, so that they may be shared out.
  const Size columns = transpose_a ? m : k, cached = transpose_a ? kCached / k : kDepthAtOnce;
  const Size width = cached < 8 ? 8 : cached;
  const bool looks = m * n * k >= kWorthALook;
  for (Size first = 0; first < columns; first += width) {
    const Size count = columns - first < width ? columns - first : width;
    const double* part = a + first * lda;
    if (looks) look();
    if (transpose_a)
      each_group<kRight>(n, [&]<int N>(Size j, Group<N>) {
        inner_columns<N>(count, k, alpha, part, lda, b + j * ldb, ldb, c + first + j * ldc, ldc);
      });
    else
      each_group<kAcross>(n, [&]<int N>(Size j, Group<N>) {
        outer_columns<N>(m, count, alpha, part, lda, b + first + j * ldb, ldb, c + j * ldc, ldc);
      });
  }
}

OVERPRUNE_END_LEVEL
