// What the kernel sources of one level share: their namespace, Eigen's maps, and each other's
// functions.
#pragma once

#include <type_traits>

#include "kernels/look.hpp"
#include "kernels/share.hpp"
#include "kernels/table.hpp"

#define OVERPRUNE_BEGIN_LEVEL    \
  namespace overprune::kernels { \
  namespace OVERPRUNE_LEVEL {
#define OVERPRUNE_END_LEVEL \
  }                         \
  }

// Loops vectorise only once everything in them is inlined. An array of registers stays in
// registers only where all loops over it are unrolled.
#if defined(__GNUC__)
#define OVERPRUNE_INLINE [[gnu::always_inline]] inline
#define OVERPRUNE_UNROLL _Pragma("GCC unroll 16")
#else
#define OVERPRUNE_INLINE inline
#define OVERPRUNE_UNROLL
#endif

OVERPRUNE_BEGIN_LEVEL

// What the table holds.
#define OVERPRUNE_EACH_KERNEL(apply)                                                              \
  apply(gemm) apply(finished_gemm) apply(gram) apply(row_gram) apply(solve_triangular)            \
      apply(cholesky) apply(lq) apply(append_columns) apply(append_columns_single)                \
          apply(solve_single) apply(min_norm) apply(symmetric_eigen) apply(tridiagonalize)        \
              apply(normals) apply(uniforms) apply(activate) apply(logistic) apply(weigh)         \
                  apply(resolvent_sums) apply(truncated) apply(truncated_sums) apply(select_from) \
                      apply(all_finite)
#define OVERPRUNE_DECLARE(name) std::remove_pointer_t<decltype(Table::name)> name;
OVERPRUNE_EACH_KERNEL(OVERPRUNE_DECLARE)

constexpr Size kWorthALook = 1'000'000;  // multiplications

/// C += alpha op(A) B for at most kSkinny columns, where `is_skinny` says so.
bool is_skinny(bool transpose_a, Size m, Size n, Size k);
void skinny(bool transpose_a, Size m, Size n, Size k, double alpha, const double* a, Size lda,
            const double* b, Size ldb, double* c, Size ldc);
/// Lower triangle of C (n, n) += alpha A'A, A (k, n), where `transpose`, else alpha A A', A (n, k).
void symmetric_product(bool transpose, Size n, Size k, double alpha, const double* a, Size lda,
                       double* c, Size ldc);

OVERPRUNE_END_LEVEL
