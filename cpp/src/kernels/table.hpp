// The dense kernels as one plain table of function pointers per instruction-set level.
//
// Matrices are column-major doubles with a leading dimension (`ld`), as in BLAS. The functions
// check nothing: the algorithms above them do. Those that may take long look up now and then
// (look.hpp): they may leave by an exception, with what they were to overwrite half done. This
// header is included at every level, so it holds no inline function and no template: a copy
// compiled for AVX-512 must never stand in for one compiled for the baseline.
#pragma once

#include <cstddef>
#include <cstdint>

namespace overprune::kernels {

using Size = std::ptrdiff_t;

/// `lq` and `append_columns` take rows in whole tiles of so many.
constexpr Size kRowPadding = 8;
/// Rows rounded up to whole tiles.
Size whole_tiles(Size rows);
/// `append_columns_single` takes twice as many.
constexpr Size kSingleRowPadding = 16;

constexpr Size kDepth = 320;  // terms of a product's entry that are summed before they meet C

// What worker_memory knows of the kernels' scratch.
constexpr Size kSkinny = 8;  // products with at most so many columns on the right pack nothing
constexpr Size kSkinnyDepth = 32;        // and sum so many of their terms before they meet C
constexpr Size kReflectorRows = 32;      // rows reduced together by `lq` and `append_columns`,
constexpr Size kReflectorColumns = 192;  // and the most columns of W at a time
constexpr Size kScratchStep = 8192;      // numbers that scratch grows by

/// What is to be done to a part of a product, rows i, ..., i + rows - 1 and columns j, ...,
/// j + columns - 1, once it is there and still in cache; parts make up the whole.
struct Finish {
  void (*call)(const void* context, Size i, Size rows, Size j, Size columns);
  const void* context;
};

struct Table {
  const char* level;
  Size tile_rows, tile_columns;  // of a product in registers

  /// C (m, n) = beta C + alpha op(A) op(B), op(A) (m, k), op(B) (k, n); `beta == 0` does not read
  /// C.
  void (*gemm)(bool transpose_a, bool transpose_b, Size m, Size n, Size k, double alpha,
               const double* a, Size lda, const double* b, Size ldb, double beta, double* c,
               Size ldc);
  /// C (m, n) = op(A) op(B) as `gemm` has it, part by part with `finish`.
  void (*finished_gemm)(bool transpose_a, bool transpose_b, Size m, Size n, Size k, const double* a,
                        Size lda, const double* b, Size ldb, double* c, Size ldc,
                        const Finish& finish);
  /// Lower triangle of C (n, n) += A'A, A (k, n).
  void (*gram)(Size n, Size k, const double* a, Size lda, double* c, Size ldc);
  /// Lower triangle of C (n, n) += A A', A (n, k).
  void (*row_gram)(Size n, Size k, const double* a, Size lda, double* c, Size ldc);
  /// B (n, m) = op(T)^{-1} B for a lower or upper triangular T (n, n).
  void (*solve_triangular)(bool lower, bool transpose, Size n, Size m, const double* t, Size ldt,
                           double* b, Size ldb);

  /// A = L L' in the lower triangle of A (n, n); false where A is not positive definite.
  bool (*cholesky)(Size n, double* a, Size lda);
  /// W (rows, m) = [L; B] Q in place by Householder reflectors of its first `pivots` rows, L
  /// (pivots, pivots) lower; the rest of those rows is overwritten. Columns 0, ..., first - 1 have
  /// been through this before; m is at least `pivots` in the end. pivots, rows, and first where
  /// below pivots, are multiples of kRowPadding: zero rows and columns border a smaller problem.
  void (*lq)(Size pivots, Size rows, Size first, Size m, double* w, Size ldw);
  /// Lower triangle of out (n, n) = that of [L, W], L (n, n) lower, W (n, m), m >= 1: L L' grows by
  /// W W' without ever forming it. n is a multiple of kRowPadding: zero rows and columns border a
  /// smaller problem. W is overwritten; out may be L.
  void (*append_columns)(Size n, Size m, const double* l, Size ldl, double* w, Size ldw,
                         double* out, Size ldo);
  /// `append_columns` in float32. n is a multiple of kSingleRowPadding.
  void (*append_columns_single)(Size n, Size m, const float* l, Size ldl, float* w, Size ldw,
                                float* out, Size ldo);
  /// x (n) = op(L)^{-1} x in float32 for a lower triangular L (n, n).
  void (*solve_single)(bool transpose, Size n, const float* l, Size ldl, float* x);
  /// X (n, k) = minimum-norm least-squares solutions of A X = B, A (m, n), by a pivoted QLP
  /// decomposition with pivots below `rcond` times the largest taken as zero. Returns the rank;
  /// `condition` receives the ratio of the largest to the smallest pivot kept.
  Size (*min_norm)(Size m, Size n, Size k, const double* a, Size lda, const double* b, Size ldb,
                   double rcond, double* x, Size ldx, double* condition);
  /// Eigenvalues (n, ascending) and eigenvectors (n, n, over A) of a symmetric A given by its lower
  /// triangle; false where they do not converge.
  bool (*symmetric_eigen)(Size n, double* a, Size lda, double* values);
  /// A = H T H' of a symmetric A (n, n) given by its lower triangle: diagonal (n) and off (n - 1)
  /// of T, its eigenvalues (n, ascending), and B (n, m) = H'B. A is overwritten. A third of the
  /// work of `symmetric_eigen`.
  bool (*tridiagonalize)(Size n, double* a, Size lda, double* diagonal, double* off, double* values,
                         Size m, double* b, Size ldb);

  /// Normals number first, ..., first + count - 1 of a stream; `purpose` keeps the uses of one
  /// stream apart.
  void (*normals)(std::uint64_t seed, std::uint64_t stream, std::uint32_t purpose,
                  std::uint64_t first, Size count, double* out);
  /// The same for uniforms in [0, 1).
  void (*uniforms)(std::uint64_t seed, std::uint64_t stream, std::uint32_t purpose,
                   std::uint64_t first, Size count, double* out);

  /// X (m, n) = phi(X + 1 bias') elementwise; `bias` (n) may be null. `activation` is
  /// overprune::Activation.
  void (*activate)(int activation, Size m, Size n, const double* bias, double* x, Size ldx);
  /// First and second derivative (n) of log(1 + exp(-label z)) in z, for labels (n) -1 and 1.
  void (*logistic)(Size n, const double* labels, const double* z, double* slope, double* curvature);
  /// to (n) = factor weights from elementwise; `to` may be `from`.
  void (*weigh)(Size n, double factor, const double* weights, const double* from, double* to);

  /// With a = lam / (lam + tau) and d = tau / (lam + tau) (lam, weight (n), > 0 and >= 0; tau > 0),
  /// sums (6) = sum of weight over lam <= tau in two parts, high and low; of weight d over lam >
  /// tau; of weight a over lam <= tau; of weight a d over all; of weight d over lam <= tau.
  void (*resolvent_sums)(Size n, double tau, const double* lam, const double* weight, double* sums);
  /// With h standard normal, coordinate i survives where |u_i + h| > T_i = t r_i (u, r, t >= 0; all
  /// arrays (n)): share = P(kept), dropped = 1 - share, drift = u E[h; kept],
  /// excess = E[h^2; kept] - share, rest = E[h^2; dropped].
  void (*truncated)(Size n, double t, const double* r, const double* u, double* share,
                    double* dropped, double* drift, double* excess, double* rest);
  /// sums (3) = sum over i of weight_i times share, dropped and
  /// T (phi(T - u) + phi(T + u)) = -d share / d log T.
  void (*truncated_sums)(Size n, double t, const double* r, const double* u, const double* weight,
                         double* sums);

  /// Values and indices of those x_i, or |x_i| for `magnitude`, i = first, first + 1, ..., that are
  /// not below `threshold` (NaN never is), in order, until `room` of them may be full. Returns
  /// their count; `end`, at most n, is where to go on.
  Size (*select_from)(Size n, const double* x, bool magnitude, double threshold, Size first,
                      Size room, double* values, Size* indices, Size* end);
  /// Whether x (n) holds neither infinity nor NaN.
  bool (*all_finite)(Size n, const double* x);
};

/// The table of the level in use: the highest the processor has, or the one OVERPRUNE_KERNEL names.
const Table& active();

/// The i-th level that this processor runs, best first; null past the last.
const Table* supported(int i);

}  // namespace overprune::kernels
