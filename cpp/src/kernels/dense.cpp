// Products and triangular solves, on Eigen's product.
#include "kernels/maps.hpp"
#include "kernels/scratch.hpp"

OVERPRUNE_BEGIN_LEVEL

namespace {

/// The caches' share of a product, as Eigen would choose it, in this thread's scratch instead of
/// new memory.
class Packing : public Eigen::internal::level3_blocking<double, double> {
 public:
  Packing(Size m, Size n, Size k) {
    m_mc = m;
    m_nc = n;
    m_kc = k;
    Eigen::internal::computeProductBlockingSizes<double, double>(m_kc, m_mc, m_nc, Size{1});
    const Size left = (m_kc * m_mc + 7) / 8 * 8;
    m_blockA = scratch(Scratch::packing, left + m_kc * m_nc);
    m_blockB = m_blockA + left;
  }
};

/// C += alpha op(A) op(B) for matrices in any order.
template <int LeftOrder, int RightOrder>
void multiply(Size m, Size n, Size k, double alpha, const double* a, Size lda, const double* b,
              Size ldb, double* c, Size ldc) {
  Packing packing(m, n, k);
  Eigen::internal::general_matrix_matrix_product<Size, double, LeftOrder, false, double, RightOrder,
                                                 false, Eigen::ColMajor, 1>::run(m, n, k, a, lda, b,
                                                                                 ldb, c, 1, ldc,
                                                                                 alpha, packing);
}

constexpr Size kWorthALook = 1'000'000;  // multiplications
constexpr Size kLongest = 400'000'000;   // a few tens of milliseconds
constexpr Size kNarrowest = 256;         // rows or columns of a part of a product

void product(bool transpose_a, bool transpose_b, Size m, Size n, Size k, double alpha,
             const double* a, Size lda, const double* b, Size ldb, double beta, double* c,
             Size ldc) {
  constexpr int rows = Eigen::RowMajor, columns = Eigen::ColMajor;
  MatrixMap out = map(c, m, n, ldc);
  if (beta == 0.0)
    out.setZero();
  else if (beta != 1.0)
    out *= beta;
  if (!transpose_b && is_skinny(transpose_a, m, n, k)) {
    skinny(transpose_a, m, n, k, alpha, a, lda, b, ldb, c, ldc);
  } else if (transpose_a && transpose_b) {
    multiply<rows, rows>(m, n, k, alpha, a, lda, b, ldb, c, ldc);
  } else if (transpose_a) {
    multiply<rows, columns>(m, n, k, alpha, a, lda, b, ldb, c, ldc);
  } else if (transpose_b) {
    multiply<columns, rows>(m, n, k, alpha, a, lda, b, ldb, c, ldc);
  } else {
    multiply<columns, columns>(m, n, k, alpha, a, lda, b, ldb, c, ldc);
  }
}

}  // namespace

// A long product is cut into blocks of columns, or of rows, of the result, with a look between
// them.
void gemm(bool transpose_a, bool transpose_b, Size m, Size n, Size k, double alpha, const double* a,
          Size lda, const double* b, Size ldb, double beta, double* c, Size ldc) {
  const Size work = m * n * k, side = m > n ? m : n;
  if (work < kWorthALook)
    return product(transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  const Size width = side / (work / kLongest + 1) / kNarrowest * kNarrowest;
  const Size step = width < kNarrowest ? kNarrowest : width;
  for (Size first = 0; first < side; first += step) {
    look();
    const Size part = work < kLongest || side - first < step ? side - first : step;
    if (m > n)
      product(transpose_a, transpose_b, part, n, k, alpha, a + first * (transpose_a ? lda : 1), lda,
              b, ldb, beta, c + first, ldc);
    else
      product(transpose_a, transpose_b, m, part, k, alpha, a, lda,
              b + first * (transpose_b ? 1 : ldb), ldb, beta, c + first * ldc, ldc);
    if (part == side) return;
  }
}

// Halves until a corner is small: nearly all of the work is in products of whole rectangles.
void symmetric_product(bool transpose, Size n, Size k, double alpha, const double* a, Size lda,
                       double* c, Size ldc) {
  constexpr Size corner = 48;
  if (n <= corner) {
    double square[corner * corner];
    gemm(transpose, !transpose, n, n, k, alpha, a, lda, a, lda, 0.0, square, n);
    for (Size j = 0; j < n; ++j)
      for (Size i = j; i < n; ++i) c[i + j * ldc] += square[i + j * n];
    return;
  }
  const Size half = (n / 2 + 7) / 8 * 8;
  const double* below = transpose ? a + half * lda : a + half;
  symmetric_product(transpose, half, k, alpha, a, lda, c, ldc);
  gemm(transpose, !transpose, n - half, half, k, alpha, below, lda, a, lda, 1.0, c + half, ldc);
  symmetric_product(transpose, n - half, k, alpha, below, lda, c + half * (ldc + 1), ldc);
}

void gram(Size n, Size k, const double* a, Size lda, double* c, Size ldc) {
  symmetric_product(true, n, k, 1.0, a, lda, c, ldc);
}

void row_gram(Size n, Size k, const double* a, Size lda, double* c, Size ldc) {
  symmetric_product(false, n, k, 1.0, a, lda, c, ldc);
}

namespace {

template <class Right>
void solve_small(bool lower, bool transpose, Size n, const double* t, Size ldt, Right x) {
  const ConstMatrixMap triangle = map(t, n, n, ldt);
  if (lower && transpose)
    triangle.triangularView<Eigen::Lower>().transpose().solveInPlace(x);
  else if (lower)
    triangle.triangularView<Eigen::Lower>().solveInPlace(x);
  else if (transpose)
    triangle.triangularView<Eigen::Upper>().transpose().solveInPlace(x);
  else
    triangle.triangularView<Eigen::Upper>().solveInPlace(x);
}

}  // namespace

void solve_block(bool lower, bool transpose, Size n, Size m, const double* t, Size ldt, double* b,
                 Size ldb) {
  solve_small(lower, transpose, n, t, ldt, map(b, n, m, ldb));
}

// Blocks small enough for Eigen to pack them on the stack; the rest is products.
void solve_triangular(bool lower, bool transpose, Size n, Size m, const double* t, Size ldt,
                      double* b, Size ldb) {
  constexpr Size block = 64, most = 64;
  if (n * n >= kWorthALook) look();
  if (m < 4) {  // one by one is faster
    for (Size j = 0; j < m; ++j)
      solve_small(lower, transpose, n, t, ldt, Eigen::Map<Eigen::VectorXd>(b + j * ldb, n));
    return;
  }
  const bool forward = lower != transpose;
  const Size blocks = (n + block - 1) / block;
  for (Size q = 0; q < blocks; ++q) {
    const Size first = block * (forward ? q : blocks - 1 - q);
    const Size width = n - first < block ? n - first : block;
    for (Size column = 0; column < m; column += most)
      solve_block(lower, transpose, width, m - column < most ? m - column : most,
                  t + first * (ldt + 1), ldt, b + first + column * ldb, ldb);
    const Size next = forward ? first + width : 0, rest = forward ? n - next : first;
    if (rest == 0) continue;
    const double* beside = transpose ? t + first + next * ldt : t + next + first * ldt;
    gemm(transpose, false, rest, m, width, -1.0, beside, ldt, b + first, ldb, 1.0, b + next, ldb);
  }
}

OVERPRUNE_END_LEVEL
