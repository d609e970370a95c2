// Minimum-norm least squares by Stewart's pivoted QLP decomposition, which reveals the rank.
#include <cmath>
#include <limits>

#include "kernels/maps.hpp"
#include "kernels/matvec.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;
using Order = Eigen::Matrix<Size, Eigen::Dynamic, 1>;

constexpr Size kFactored =
    32;  // columns factored before the rest of the matrix is brought up to date

/// A P = Q R with P a permutation where `pivoting`, by Householder reflectors, panel by panel
/// (Quintana-Orti, Sun, Bischof, 1998). Looks up after every column.
class Qr {
 public:
  Qr(Matrix matrix, bool pivoting)
      : a_(std::move(matrix)), tau_(Vector::Zero(least())), order_(a_.cols()), pivoting_(pivoting) {
    for (Size j = 0; j < a_.cols(); ++j) order_(j) = j;
    norms_ = Vector(a_.cols());
    for (Size j = 0; j < a_.cols(); ++j) norms_(j) = stable_norm(a_.rows(), column(j, 0));
    exact_ = norms_;
    for (Size first = 0; first < least();) first += panel(first);
  }

  Size least() const { return a_.rows() < a_.cols() ? a_.rows() : a_.cols(); }
  const Matrix& matrix() const { return a_; }  // R in its upper triangle
  /// Column j of A P is column order(j) of A.
  Size order(Size j) const { return order_(j); }
  /// The transpose of R's first rows.
  Matrix lower(Size rows) const {
    Matrix lower(a_.cols(), rows);
    for (Size i = 0; i < rows; ++i)
      for (Size j = 0; j < a_.cols(); ++j) lower(j, i) = i <= j ? a_(i, j) : 0.0;
    return lower;
  }

  /// B = Q B or Q' B.
  void apply(bool transpose, Matrix& b) const {
    Vector work(b.cols());
    const Size count = least();
    for (Size i = 0; i < count; ++i) {
      if (i % kFactored == 0) look();
      const Size j = transpose ? i : count - 1 - i, rest = a_.rows() - j;
      reflect_rows(rest, b.cols(), column(j, j + 1), tau_(j), b.data() + j, b.rows(), work.data());
    }
  }

 private:
  const double* column(Size j, Size i) const { return a_.data() + i + j * a_.rows(); }
  double* column(Size j, Size i) { return a_.data() + i + j * a_.rows(); }

  /// Factors columns from `first` on; returns how many: fewer than a panel where norms must be
  /// found anew.
  Size panel(Size first) {
    const Size rows = a_.rows(), cols = a_.cols();
    const Size width = least() - first < kFactored ? least() - first : kFactored;
    // What the trailing columns still lack: A(:, j) - V F(j, :)'.
    Matrix f = Matrix::Zero(cols - first, width);
    bool stale = false;
    Size c = 0;
    while (c < width && !stale) {
      look();
      const Size k = first + c, below = rows - k, right = cols - k - 1;
      if (pivoting_) bring_forward(first, c, f);
      double* const own = column(k, k);
      matvec(false, below, c, -1.0, column(first, k), rows, &f(c, 0), f.rows(), own);
      const double beta = make_reflector(below, own, &tau_(k));
      a_(k, k) = 1.0;
      if (right > 0) {
        matvec(true, below, right, tau_(k), column(k + 1, k), rows, own, 1, &f(c + 1, c));
        if (c > 0) {
          Vector along = Vector::Zero(c);
          matvec(true, below, c, -tau_(k), column(first, k), rows, own, 1, along.data());
          matvec(false, f.rows(), c, 1.0, f.data(), f.rows(), along.data(), 1, &f(0, c));
        }
        finish_row(k, first, c, f);
        stale = pivoting_ && lower_norms(k);
      }
      a_(k, k) = beta;
      ++c;
    }
    const Size next = first + c, below = rows - next, right = cols - next;
    if (below > 0 && right > 0)
      gemm(false, true, below, right, c, -1.0, &a_(next, first), rows, &f(c, 0), f.rows(), 1.0,
           &a_(next, next), rows);
    if (stale)
      for (Size j = next; j < cols; ++j)
        if (norms_(j) < 0.0) norms_(j) = exact_(j) = stable_norm(below, column(j, next));
    return c;
  }

  /// Row k right of the diagonal, by the panel's c + 1 reflectors.
  void finish_row(Size k, Size first, Size c, const Matrix& f) {
    const Size rows = a_.rows(), right = a_.cols() - k - 1;
    Vector row(right);
    for (Size j = 0; j < right; ++j) row(j) = a_(k, k + 1 + j);
    matvec(false, right, c + 1, -1.0, &f(c + 1, 0), f.rows(), column(first, k), rows, row.data());
    for (Size j = 0; j < right; ++j) a_(k, k + 1 + j) = row(j);
  }

  /// The longest of the columns left takes the place of column first + c.
  void bring_forward(Size first, Size c, Matrix& f) {
    const Size k = first + c;
    Size longest = k;
    for (Size j = k + 1; j < a_.cols(); ++j)
      if (norms_(j) > norms_(longest)) longest = j;
    if (longest == k) return;
    for (Size i = 0; i < a_.rows(); ++i) exchange(a_(i, k), a_(i, longest));
    for (Size i = 0; i < f.cols(); ++i) exchange(f(c, i), f(c + longest - k, i));
    const Size own = order_(k);
    order_(k) = order_(longest);
    order_(longest) = own;
    norms_(longest) = norms_(k);
    exact_(longest) = exact_(k);
  }

  static void exchange(double& a, double& b) {
    const double held = a;
    a = b;
    b = held;
  }

  /// Norms of the rest of the columns below row k (Drmac and Bujanovic, 2008); whether some drowned
  /// in rounding, which a negative one says.
  bool lower_norms(Size k) {
    static const double least = Eigen::numext::sqrt(std::numeric_limits<double>::epsilon());
    bool stale = false;
    for (Size j = k + 1; j < a_.cols(); ++j) {
      if (norms_(j) == 0.0) continue;
      const double ratio = Eigen::numext::abs(a_(k, j)) / norms_(j),
                   left = (1.0 + ratio) * (1.0 - ratio);
      const double share = left > 0.0 ? left : 0.0, relative = norms_(j) / exact_(j);
      if (share * relative * relative <= least) {
        norms_(j) = -1.0;
        stale = true;
      } else {
        norms_(j) *= Eigen::numext::sqrt(share);
      }
    }
    return stale;
  }

  Matrix a_;
  Vector tau_, norms_, exact_;
  Order order_;
  bool pivoting_;
};

}  // namespace

// A = Q1 R P1', then R' = Q2 L' P2' with pivoting again. One pivoted QR may hide a small singular
// value (Kahan's matrix); the diagonal of L follows them closely. What is below the threshold is
// dropped from L, and the least-squares solution in the space of the rest has the smallest norm.
Size min_norm(Size m, Size n, Size k, const double* a, Size lda, const double* b, Size ldb,
              double rcond, double* x, Size ldx, double* condition) {
  const Size least = m < n ? m : n;
  for (Size j = 0; j < k; ++j)
    for (Size i = 0; i < n; ++i) x[i + j * ldx] = 0.0;
  *condition = 1.0;
  const Qr first(map(a, m, n, lda), true);
  const Qr second(first.lower(least), true);
  const auto pivot = [&](Size i) { return second.matrix()(i, i); };
  Size rank = 0;
  while (rank < least && Eigen::numext::abs(pivot(rank)) > rcond * Eigen::numext::abs(pivot(0)))
    ++rank;
  if (rank == 0) return 0;
  *condition = Eigen::numext::abs(pivot(0) / pivot(rank - 1));

  Matrix rhs = map(b, m, k, ldb), permuted(least, k);
  first.apply(true, rhs);
  for (Size j = 0; j < k; ++j)
    for (Size i = 0; i < least; ++i) permuted(i, j) = rhs(second.order(i), j);
  // L (least, rank) = (leading rows of the second triangle)' = Q3 T.
  const Qr lower(second.lower(rank), false);
  lower.apply(true, permuted);
  solve_triangular(false, false, rank, k, lower.matrix().data(), least, permuted.data(), least);
  Matrix z = Matrix::Zero(n, k);
  for (Size j = 0; j < k; ++j)
    for (Size i = 0; i < rank; ++i) z(i, j) = permuted(i, j);
  second.apply(false, z);
  for (Size j = 0; j < k; ++j)
    for (Size i = 0; i < n; ++i) x[first.order(i) + j * ldx] = z(i, j);
  return rank;
}

OVERPRUNE_END_LEVEL
