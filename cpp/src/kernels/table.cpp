// This level's table.
#include "kernels/level.hpp"

#define OVERPRUNE_STRING_(x) #x
#define OVERPRUNE_STRING(x) OVERPRUNE_STRING_(x)

OVERPRUNE_BEGIN_LEVEL

extern const Table table;
const Table table = {OVERPRUNE_STRING(OVERPRUNE_LEVEL),
                     gemm,
                     gram,
                     row_gram,
                     solve_triangular,
                     cholesky,
                     lq,
                     append_columns,
                     min_norm,
                     symmetric_eigen,
                     tridiagonalize,
                     normals,
                     uniforms,
                     activate,
                     resolvent_sums,
                     truncated,
                     truncated_sums,
                     select_from,
                     all_finite};

OVERPRUNE_END_LEVEL
