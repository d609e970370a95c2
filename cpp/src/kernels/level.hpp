// What the kernel sources of one level share: their namespace, Eigen's maps, and each other's
// functions.
#pragma once

#include "kernels/look.hpp"
#include "kernels/table.hpp"

#define OVERPRUNE_BEGIN_LEVEL    \
  namespace overprune::kernels { \
  namespace OVERPRUNE_LEVEL {
#define OVERPRUNE_END_LEVEL \
  }                         \
  }

OVERPRUNE_BEGIN_LEVEL

void gemm(bool transpose_a, bool transpose_b, Size m, Size n, Size k, double alpha, const double* a,
          Size lda, const double* b, Size ldb, double beta, double* c, Size ldc);
/// C += alpha op(A) B for at most kSkinny columns, where `is_skinny` says so.
bool is_skinny(bool transpose_a, Size m, Size n, Size k);
void skinny(bool transpose_a, Size m, Size n, Size k, double alpha, const double* a, Size lda,
            const double* b, Size ldb, double* c, Size ldc);
/// Lower triangle of C (n, n) += alpha A'A, A (k, n), where `transpose`, else alpha A A', A (n, k).
void symmetric_product(bool transpose, Size n, Size k, double alpha, const double* a, Size lda,
                       double* c, Size ldc);
void gram(Size n, Size k, const double* a, Size lda, double* c, Size ldc);
void row_gram(Size n, Size k, const double* a, Size lda, double* c, Size ldc);
void solve_triangular(bool lower, bool transpose, Size n, Size m, const double* t, Size ldt,
                      double* b, Size ldb);
bool cholesky(Size n, double* a, Size lda);
void lq(Size pivots, Size rows, Size first, Size m, double* w, Size ldw);
void append_columns(Size n, Size m, const double* l, Size ldl, double* w, Size ldw, double* out,
                    Size ldo);
Size min_norm(Size m, Size n, Size k, const double* a, Size lda, const double* b, Size ldb,
              double rcond, double* x, Size ldx, double* condition);
bool symmetric_eigen(Size n, double* a, Size lda, double* values);
bool tridiagonalize(Size n, double* a, Size lda, double* diagonal, double* off, double* values,
                    Size m, double* b, Size ldb);
void normals(std::uint64_t seed, std::uint64_t stream, std::uint32_t purpose, std::uint64_t first,
             Size count, double* out);
void uniforms(std::uint64_t seed, std::uint64_t stream, std::uint32_t purpose, std::uint64_t first,
              Size count, double* out);
void activate(int activation, Size m, Size n, const double* bias, double* x, Size ldx);
void resolvent_sums(Size n, double tau, const double* lam, const double* weight, double* sums);
void truncated(Size n, double t, const double* r, const double* u, double* share, double* dropped,
               double* drift, double* excess, double* rest);
void truncated_sums(Size n, double t, const double* r, const double* u, const double* weight,
                    double* sums);
Size select_from(Size n, const double* x, bool magnitude, double threshold, Size first, Size room,
                 double* values, Size* indices, Size* end);
bool all_finite(Size n, const double* x);

OVERPRUNE_END_LEVEL
