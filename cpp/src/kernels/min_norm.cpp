// Minimum-norm least squares by Stewart's pivoted QLP decomposition, which reveals the rank.
#include <cmath>
#include <limits>

#include "kernels/maps.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;
using Order = Eigen::Matrix<Size, Eigen::Dynamic, 1>;

constexpr Size kPanel = 32;  // columns factored before the rest of the matrix is brought up to date

/// A P = Q R with P a permutation where `pivoting`, by Householder reflectors, panel by panel
/// (Quintana-Orti, Sun, Bischof, 1998). Looks up after every column.
class Qr {
 public:
  Qr(Matrix matrix, bool pivoting)
      : a_(std::move(matrix)), tau_(Vector::Zero(least())), order_(a_.cols()), pivoting_(pivoting) {
    for (Size j = 0; j < a_.cols(); ++j) order_(j) = j;
    norms_ = exact_ = a_.colwise().stableNorm();
    for (Size first = 0; first < least();) first += panel(first);
  }

  Size least() const { return a_.rows() < a_.cols() ? a_.rows() : a_.cols(); }
  const Matrix& matrix() const { return a_; }  // R in its upper triangle
  /// Column j of A P is column order(j) of A.
  Size order(Size j) const { return order_(j); }
  Matrix upper(Size rows) const { return a_.topRows(rows).template triangularView<Eigen::Upper>(); }

  /// B = Q B or Q' B.
  void apply(bool transpose, Matrix& b) const {
    Vector work(b.cols());
    const Size count = least();
    for (Size i = 0; i < count; ++i) {
      if (i % kPanel == 0) look();
      const Size j = transpose ? i : count - 1 - i, rest = a_.rows() - j;
      b.bottomRows(rest).applyHouseholderOnTheLeft(a_.col(j).tail(rest - 1), tau_(j), work.data());
    }
  }

 private:
  /// Factors columns from `first` on; returns how many: fewer than a panel where norms must be
  /// found anew.
  Size panel(Size first) {
    const Size rows = a_.rows(), cols = a_.cols();
    const Size width = least() - first < kPanel ? least() - first : kPanel;
    // What the trailing columns still lack: A(:, j) - V F(j, :)'.
    Matrix f = Matrix::Zero(cols - first, width);
    bool stale = false;
    Size c = 0;
    while (c < width && !stale) {
      look();
      const Size k = first + c, below = rows - k, right = cols - k - 1;
      if (pivoting_) bring_forward(first, c, f);
      auto column = a_.col(k).tail(below);
      column.noalias() -= a_.block(k, first, below, c) * f.row(c).head(c).transpose();
      double beta = 0.0;
      a_.col(k).tail(below).makeHouseholderInPlace(tau_(k), beta);
      a_(k, k) = 1.0;
      if (right > 0) {
        auto image = f.col(c).tail(right);
        image.noalias() = tau_(k) * (a_.block(k, k + 1, below, right).transpose() * column);
        if (c > 0) {
          const Vector along = -tau_(k) * (a_.block(k, first, below, c).transpose() * column);
          f.col(c).noalias() += f.leftCols(c) * along;
        }
        // Row k, which is final.
        a_.row(k).tail(right).noalias() -=
            a_.row(k).segment(first, c + 1) * f.block(c + 1, 0, right, c + 1).transpose();
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
        if (norms_(j) < 0.0) norms_(j) = exact_(j) = a_.col(j).tail(below).stableNorm();
    return c;
  }

  /// The longest of the columns left takes the place of column first + c.
  void bring_forward(Size first, Size c, Matrix& f) {
    const Size k = first + c;
    Size longest = 0;
    norms_.tail(a_.cols() - k).maxCoeff(&longest);
    if (longest == 0) return;
    a_.col(k).swap(a_.col(k + longest));
    f.row(c).swap(f.row(c + longest));
    const Size own = order_(k);
    order_(k) = order_(k + longest);
    order_(k + longest) = own;
    norms_(k + longest) = norms_(k);
    exact_(k + longest) = exact_(k);
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
  MatrixMap solution = map(x, n, k, ldx);
  solution.setZero();
  *condition = 1.0;
  const Qr first(map(a, m, n, lda), true);
  const Qr second(first.upper(least).transpose(), true);
  const auto pivots = second.matrix().diagonal();
  Size rank = 0;
  while (rank < least && Eigen::numext::abs(pivots(rank)) > rcond * Eigen::numext::abs(pivots(0)))
    ++rank;
  if (rank == 0) return 0;
  *condition = Eigen::numext::abs(pivots(0) / pivots(rank - 1));

  Matrix rhs = map(b, m, k, ldb), permuted(least, k);
  first.apply(true, rhs);
  for (Size j = 0; j < least; ++j) permuted.row(j) = rhs.row(second.order(j));
  // L (least, rank) = (leading rows of the second triangle)' = Q3 T.
  const Qr lower(second.upper(rank).transpose(), false);
  lower.apply(true, permuted);
  lower.matrix().topRows(rank).template triangularView<Eigen::Upper>().solveInPlace(
      permuted.topRows(rank));
  Matrix z = Matrix::Zero(n, k);
  z.topRows(rank) = permuted.topRows(rank);
  second.apply(false, z);
  for (Size j = 0; j < n; ++j) solution.row(first.order(j)) = z.row(j);
  return rank;
}

OVERPRUNE_END_LEVEL
