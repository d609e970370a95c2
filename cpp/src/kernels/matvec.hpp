// Products with vectors, and reflectors: the expressions of Eigen that factorizations consist of,
// each compiled once. Written out where they are used, they would be instantiated for every
// combination of blocks and transposes, which takes most of a kernel's compilation.
#pragma once

#include "kernels/level.hpp"

OVERPRUNE_BEGIN_LEVEL

/// y += alpha A x, A (m, n), or y += alpha A'x where `transpose`; then `incx` is 1.
void matvec(bool transpose, Size m, Size n, double alpha, const double* a, Size lda,
            const double* x, Size incx, double* y);
void matvec(bool transpose, Size m, Size n, float alpha, const float* a, Size lda, const float* x,
            Size incx, float* y);
/// y = A x of a symmetric A (n, n) given by its lower triangle.
void symmetric_matvec(Size n, const double* a, Size lda, const double* x, double* y);
/// y = U x of an upper triangular U (n, n).
void upper_matvec(Size n, const double* u, Size ldu, const double* x, double* y);
double dot(Size n, const double* x, const double* y);
/// |x| where squares may overflow or underflow.
double stable_norm(Size n, const double* x);

/// x (n) becomes the reflector v with v_0 left out, (I - tau v v') x = (beta, 0, ...); returns
/// beta.
double make_reflector(Size n, double* x, double* tau);
/// B (m, n) = (I - tau v v') B with v_0 = 1 and the rest of v (m - 1) given; work (n).
void reflect_rows(Size m, Size n, const double* v, double tau, double* b, Size ldb, double* work);

OVERPRUNE_END_LEVEL
