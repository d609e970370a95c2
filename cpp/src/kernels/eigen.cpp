// Eigenvalues and eigenvectors of symmetric matrices, in steps between which the caller may stop.
//
// A = H T H' with a tridiagonal T by Householder reflectors, panel by panel (Dongarra, Sorensen,
// Hammarling, 1989), then the implicit QL method on T (Martin and Wilkinson, 1968). Its rotations
// are not applied to H one by one, which would go through memory each time, but recorded and
// applied many sweeps at a time to a few rows of H that stay in cache (Van Zee, van de Geijn,
// Quintana-Orti, 2014).
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/maps.hpp"
#include "kernels/matvec.hpp"
#include "kernels/packet.hpp"
#include "kernels/rotations.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;
using Order = Eigen::Matrix<Size, Eigen::Dynamic, 1>;

constexpr Size kPanel = 32;  // columns reduced before the rest of the matrix is brought up to date
constexpr Size kReflectors = 64;  // applied at once
// sums of squares below it may have lost digits to underflow
constexpr double kSmallSquare = 1e-280;
constexpr int kMostSweeps = 60;  // for one eigenvalue
/// Below it an entry beside the largest one, of order 1, is zero: what is smaller has lost digits
/// to underflow.
constexpr double kNegligible =
    std::numeric_limits<double>::min() / std::numeric_limits<double>::epsilon();

/// Divides the lower triangle by the power of two next to its largest entry, which is returned.
double unscale(Size n, double* a, Size lda) {
  double largest = 0.0;
  for (Size j = 0; j < n; ++j)
    for (Size i = j; i < n; ++i)
      largest = Eigen::numext::maxi(largest, Eigen::numext::abs(a[i + j * lda]));
  if (!(largest > 0.0) || !(largest <= std::numeric_limits<double>::max())) return 1.0;
  int exponent = 0;
  std::frexp(largest, &exponent);
  // entries up to 2; 1 / scale does not overflow
  const double scale = std::ldexp(1.0, exponent - 1);
  for (Size j = 0; j < n && scale != 1.0; ++j)
    for (Size i = j; i < n; ++i) a[i + j * lda] /= scale;
  return scale;
}

/// T of A = H T H', and the reflectors H = H_0 H_1 ..., H_j = I - tau_j v_j v_j', v_j being column
/// j of A below its diagonal.
struct Reduced {
  Vector diagonal, off, tau;  // (n), (n), (n); the last of `off` and `tau` unused
};

/// x (count) becomes v with v_0 = 1, (I - tau v v') x = (beta, 0, ...).
double reflect(double* x, Size count, double& tau) {
  double* const tail = x + 1;
  const double first = x[0], square = dot(count - 1, tail, tail);
  const bool small = square < kSmallSquare;
  const double rest = small ? stable_norm(count - 1, tail) : 0.0;
  x[0] = 1.0;
  if (small && rest <= kNegligible) {
    tau = 0.0;
    for (Size i = 1; i < count; ++i) x[i] = 0.0;
    return first;
  }
  const double length =
      small ? std::hypot(first, rest) : Eigen::numext::sqrt(first * first + square);
  const double beta = first > 0.0 ? -length : length;
  tau = (beta - first) / beta;
  for (Size i = 1; i < count; ++i) x[i] /= first - beta;
  return beta;
}

/// Lower triangle of A (n, n) -= left right', both (n, depth) and the product symmetric. Spoils the
/// upper one.
void subtract_symmetric(Size n, Size depth, const Matrix& left, const Matrix& right, double* a,
                        Size lda) {
  constexpr Size block = 128;
  for (Size first = 0; first < n; first += block)
    gemm(false, true, n - first, n - first < block ? n - first : block, depth, -1.0,
         left.data() + first, left.rows(), right.data() + first, right.rows(), 1.0,
         a + first * (lda + 1), lda);
}

/// own (rest) = tau (A v - V (W'v) - W (V'v)), less its part along v: the next column of W, of
/// reflector j in a panel of `c` columns V from `first` on, whose images are W's.
void image(Size n, Size first, Size c, const double* a, Size lda, double tau, Matrix& w) {
  const Size j = first + c, rest = n - j - 1;
  const double *const v = a + j + 1 + j * lda, *const before = a + j + 1 + first * lda;
  double* const own = &w(j + 1, c);
  symmetric_matvec(rest, a + (j + 1) * (lda + 1), lda, v, own);
  if (c > 0) {
    const double* const images = &w(j + 1, 0);
    Vector along = Vector::Zero(c), across = Vector::Zero(c);
    matvec(true, rest, c, 1.0, images, n, v, 1, along.data());
    matvec(true, rest, c, 1.0, before, lda, v, 1, across.data());
    matvec(false, rest, c, -1.0, before, lda, along.data(), 1, own);
    matvec(false, rest, c, -1.0, images, n, across.data(), 1, own);
  }
  for (Size i = 0; i < rest; ++i) own[i] *= tau;
  const double share = 0.5 * tau * dot(rest, own, v);
  for (Size i = 0; i < rest; ++i) own[i] -= share * v[i];
}

/// Reads and overwrites the lower triangle; the upper one is spoilt.
Reduced reduce(Size n, double* a, Size lda) {
  Reduced t{Vector(n), Vector::Zero(n), Vector::Zero(n)};
  Matrix w(n, kPanel), left(n, 2 * kPanel), right(n, 2 * kPanel);
  for (Size first = 0; first + 1 < n; first += kPanel) {
    const Size width = n - 1 - first < kPanel ? n - 1 - first : kPanel;
    for (Size c = 0; c < width; ++c) {
      look();
      const Size j = first + c;
      double* const column = a + j * (lda + 1);
      if (c > 0) {  // as the panel's reflectors so far leave it
        matvec(false, n - j, c, -1.0, a + j + first * lda, lda, &w(j, 0), n, column);
        matvec(false, n - j, c, -1.0, &w(j, 0), n, a + j + first * lda, lda, column);
      }
      t.diagonal(j) = *column;
      t.off(j) = reflect(column + 1, n - j - 1, t.tau(j));
      image(n, first, c, a, lda, t.tau(j), w);
    }
    const Size next = first + width, rest = n - next;
    for (Size c = 0; c < width; ++c)
      for (Size i = 0; i < rest; ++i) {
        left(i, c) = right(i, width + c) = a[next + i + (first + c) * lda];
        left(i, width + c) = right(i, c) = w(next + i, c);
      }
    subtract_symmetric(rest, 2 * width, left, right, a + next * (lda + 1), lda);
  }
  t.diagonal(n - 1) = a[(n - 1) * (lda + 1)];
  return t;
}

/// Reflectors first, ..., first + width - 1 together: I - V T V' on the rows below `first`.
struct Together {
  Matrix v, t;

  Together(Size n, const double* a, Size lda, const Vector& tau, Size first, Size width)
      : v(n - first - 1, width), t(Matrix::Zero(width, width)) {
    for (Size c = 0; c < width; ++c)
      for (Size i = 0; i < v.rows(); ++i)
        v(i, c) = i < c ? 0.0 : a[first + 1 + i + (first + c) * lda];
    Matrix overlap = Matrix::Zero(width, width);
    gemm(true, false, width, width, v.rows(), 1.0, v.data(), v.rows(), v.data(), v.rows(), 0.0,
         overlap.data(), width);
    for (Size c = 0; c < width; ++c) {
      t(c, c) = tau(first + c);
      Vector column(c);
      upper_matvec(c, t.data(), width, &overlap(0, c), column.data());
      for (Size i = 0; i < c; ++i) t(i, c) = -t(c, c) * column(i);
    }
  }

  /// B (v.rows, m) = (I - V op(T) V') B.
  void apply(bool transpose, double* b, Size ldb, Size m) const {
    const Size rows = v.rows(), width = v.cols();
    Matrix along(width, m), scaled(width, m);
    gemm(true, false, width, m, rows, 1.0, v.data(), rows, b, ldb, 0.0, along.data(), width);
    gemm(transpose, false, width, m, width, 1.0, t.data(), width, along.data(), width, 0.0,
         scaled.data(), width);
    gemm(false, false, rows, m, width, -1.0, v.data(), rows, scaled.data(), width, 1.0, b, ldb);
  }
};

/// B (n, m) = H'B.
void apply_adjoint(Size n, const double* a, Size lda, const Vector& tau, double* b, Size ldb,
                   Size m) {
  for (Size first = 0; m > 0 && first + 1 < n; first += kReflectors) {
    const Size width = n - 1 - first < kReflectors ? n - 1 - first : kReflectors;
    Together(n, a, lda, tau, first, width).apply(true, b + first + 1, ldb, m);
  }
}

/// H over the reflectors.
void form(Size n, double* a, Size lda, const Vector& tau) {
  Matrix h = Matrix::Zero(n, n);
  for (Size i = 0; i < n; ++i) h(i, i) = 1.0;
  const Size blocks = (n - 1 + kReflectors - 1) / kReflectors;
  for (Size block = blocks; block-- > 0;) {
    look();
    const Size first = block * kReflectors,
               width = n - 1 - first < kReflectors ? n - 1 - first : kReflectors;
    Together(n, a, lda, tau, first, width)
        .apply(false, h.data() + (first + 1) * (n + 1), n, n - first - 1);
  }
  for (Size j = 0; j < n; ++j)
    for (Size i = 0; i < n; ++i) a[i + j * lda] = h(i, j);
}

double length(double x, double y) {
  const double square = x * x + y * y;
  return square > kSmallSquare && square < 1.0 / kSmallSquare ? Eigen::numext::sqrt(square)
                                                              : std::hypot(x, y);
}

/// The end of the part of T from row l on that no negligible entry divides: negligible beside its
/// neighbours or in itself, or beside the largest entry up to the next such one. Rounding keeps an
/// entry above its neighbours where these are rounding errors of zero themselves.
Size end_of_part(const Vector& d, const Vector& e, Size l) {
  constexpr double epsilon = std::numeric_limits<double>::epsilon();
  Size end = l;
  double largest = Eigen::numext::abs(d(l));
  for (; end + 1 < d.size(); ++end) {
    const double own = Eigen::numext::abs(e(end)), next = Eigen::numext::abs(d(end + 1));
    if (own <= epsilon * (Eigen::numext::abs(d(end)) + next) + kNegligible) break;
    largest = Eigen::numext::maxi(largest, Eigen::numext::maxi(own, next));
  }
  Size m = l;
  while (m < end && !(Eigen::numext::abs(e(m)) <= epsilon * largest)) ++m;
  return m;
}

/// One implicit QL sweep with Wilkinson's shift over rows l, ..., m.
void sweep(Vector& d, Vector& e, Size l, Size m, Rotations* rotations) {
  double g = (d(l + 1) - d(l)) / (2.0 * e(l));
  const double root = length(g, 1.0);
  g = d(m) - d(l) + e(l) / (g + (g < 0.0 ? -root : root));
  double s = 1.0, c = 1.0, p = 0.0;
  for (Size i = m - 1; i >= l; --i) {
    const double f = s * e(i), b = c * e(i), r = length(f, g);
    e(i + 1) = r;
    s = r == 0.0 ? 0.0 : f / r;  // after underflows there may be nothing to rotate: T splits
    c = r == 0.0 ? 1.0 : g / r;
    const double next = d(i + 1) - p, t = (d(i) - next) * s + 2.0 * c * b;
    p = s * t;
    d(i + 1) = next + p;
    g = c * t - b;
    if (rotations) rotations->add(i, c, s);
  }
  d(l) -= p;
  e(l) = g;
  e(m) = 0.0;
}

/// Eigenvalues of T over its diagonal, in no order; false where one does not converge.
bool diagonalize(Reduced& t, Rotations* rotations) {
  Vector &d = t.diagonal, &e = t.off;
  const Size n = d.size();
  e(n - 1) = 0.0;
  for (Size l = 0; l < n; ++l)
    for (int sweeps = 0;; ++sweeps) {
      const Size m = end_of_part(d, e, l);
      if (m == l) break;
      if (sweeps == kMostSweeps) return false;
      if (sweeps % 8 == 0) look();
      sweep(d, e, l, m, rotations);
      if (rotations) rotations->end_sweep();
    }
  if (rotations) rotations->finish();
  return true;
}

/// values = scale times those of `found`, ascending, and the columns of `vectors` (rows, n)
/// likewise. By insertion: the method finds them nearly in order.
void sort(double scale, const Vector& found, double* values, Size rows, double* vectors, Size ld) {
  const Size n = found.size();
  Order order(n);
  for (Size i = 0; i < n; ++i) {
    Size at = i;
    for (; at > 0 && found(order(at - 1)) > found(i); --at) order(at) = order(at - 1);
    order(at) = i;
  }
  for (Size i = 0; i < n; ++i) values[i] = scale * found(order(i));
  for (Size start = 0; start < n && rows > 0; ++start)
    for (Size to = start; order(to) != to;) {  // cycle by cycle
      const Size from = order(to);
      order(to) = to;
      if (from == start) break;
      for (Size i = 0; i < rows; ++i) {
        const double held = vectors[i + to * ld];
        vectors[i + to * ld] = vectors[i + from * ld];
        vectors[i + from * ld] = held;
      }
      to = from;
    }
}

}  // namespace

bool symmetric_eigen(Size n, double* a, Size lda, double* values) {
  if (n == 0) return true;
  const double scale = unscale(n, a, lda);
  Reduced t = reduce(n, a, lda);
  form(n, a, lda, t.tau);
  Rotations rotations(n, a, lda);
  if (!diagonalize(t, &rotations)) return false;
  sort(scale, t.diagonal, values, n, a, lda);
  return true;
}

bool tridiagonalize(Size n, double* a, Size lda, double* diagonal, double* off, double* values,
                    Size m, double* b, Size ldb) {
  if (n == 0) return true;
  const double scale = unscale(n, a, lda);
  Reduced t = reduce(n, a, lda);
  apply_adjoint(n, a, lda, t.tau, b, ldb, m);
  for (Size i = 0; i < n; ++i) diagonal[i] = scale * t.diagonal(i);
  for (Size i = 0; i + 1 < n; ++i) off[i] = scale * t.off(i);
  if (!diagonalize(t, nullptr)) return false;
  sort(scale, t.diagonal, values, 0, a, lda);
  return true;
}

OVERPRUNE_END_LEVEL
