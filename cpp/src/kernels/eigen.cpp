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
#include "kernels/packet.hpp"

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
  Eigen::Map<Vector> tail(x + 1, count - 1);
  const double first = x[0], square = tail.squaredNorm();
  const bool small = square < kSmallSquare;
  const double rest = small ? tail.stableNorm() : 0.0;
  x[0] = 1.0;
  if (small && rest <= kNegligible) {
    tau = 0.0;
    tail.setZero();
    return first;
  }
  const double length =
      small ? std::hypot(first, rest) : Eigen::numext::sqrt(first * first + square);
  const double beta = first > 0.0 ? -length : length;
  tau = (beta - first) / beta;
  tail /= first - beta;
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

/// Reads and overwrites the lower triangle; the upper one is spoilt.
Reduced reduce(Size n, double* a, Size lda) {
  Reduced t{Vector(n), Vector::Zero(n), Vector::Zero(n)};
  Matrix w(n, kPanel), left(n, 2 * kPanel), right(n, 2 * kPanel);
  MatrixMap matrix = map(a, n, n, lda);
  for (Size first = 0; first + 1 < n; first += kPanel) {
    const Size width = n - 1 - first < kPanel ? n - 1 - first : kPanel;
    for (Size c = 0; c < width; ++c) {
      look();
      const Size j = first + c, rest = n - j - 1;
      if (c > 0) {  // column j as the panel's reflectors so far leave it
        auto column = matrix.col(j).tail(rest + 1);
        column.noalias() -= matrix.block(j, first, rest + 1, c) * w.row(j).head(c).transpose();
        column.noalias() -=
            w.block(j, 0, rest + 1, c) * matrix.row(j).segment(first, c).transpose();
      }
      t.diagonal(j) = matrix(j, j);
      t.off(j) = reflect(&matrix(j + 1, j), rest, t.tau(j));
      const auto v = matrix.col(j).tail(rest);
      auto own = w.col(c).tail(rest);
      own.noalias() = matrix.bottomRightCorner(rest, rest).selfadjointView<Eigen::Lower>() * v;
      if (c > 0) {
        const auto before = matrix.block(j + 1, first, rest, c);
        const auto images = w.block(j + 1, 0, rest, c);
        const Vector along = images.transpose() * v, across = before.transpose() * v;
        own.noalias() -= before * along;
        own.noalias() -= images * across;
      }
      own *= t.tau(j);
      own -= 0.5 * t.tau(j) * own.dot(v) * v;
    }
    const Size next = first + width, rest = n - next;
    left.block(0, 0, rest, width) = right.block(0, width, rest, width) =
        matrix.block(next, first, rest, width);
    left.block(0, width, rest, width) = right.block(0, 0, rest, width) =
        w.block(next, 0, rest, width);
    subtract_symmetric(rest, 2 * width, left, right, a + next * (lda + 1), lda);
  }
  t.diagonal(n - 1) = matrix(n - 1, n - 1);
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
      t.col(c).head(c) =
          -t(c, c) *
          (t.topLeftCorner(c, c).triangularView<Eigen::Upper>() * overlap.col(c).head(c)).eval();
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
  Matrix h = Matrix::Identity(n, n);
  const Size blocks = (n - 1 + kReflectors - 1) / kReflectors;
  for (Size block = blocks; block-- > 0;) {
    look();
    const Size first = block * kReflectors,
               width = n - 1 - first < kReflectors ? n - 1 - first : kReflectors;
    Together(n, a, lda, tau, first, width)
        .apply(false, h.data() + (first + 1) * (n + 1), n, n - first - 1);
  }
  map(a, n, n, lda) = h;
}

/// Rotations of columns i and i + 1 by (x_i, x_{i+1}) = (c x_i - s x_{i+1}, s x_i + c x_{i+1}),
/// recorded sweep by sweep, every sweep for falling i, and applied to the columns of a matrix.
class Rotations {
 public:
  Rotations(Size n, double* a, Size lda)
      : n_(n),
        a_(a),
        lda_(lda),
        most_(Eigen::numext::maxi<Size>(Size{1} << 16, 16 * n)),
        recorded_(2 * (most_ + kSweeps * (n + kSweeps))),
        rows_(Vector::Zero(kRows * (n + 2 * kSweeps))) {}

  void add(Size i, double c, double s) { wave_.push_back({i, sweeps_, c, s}); }

  void end_sweep() {
    if (++sweeps_ == kSweeps) end_wave();
    if (used_ >= 2 * most_) apply();
  }

  void finish() {
    end_wave();
    apply();
  }

 private:
  static constexpr int kSweeps = kWidth == 8 ? 4 : 2;  // of a wave: what the registers hold
  static constexpr int kPackets = 4;
  static constexpr Size kRows = kPackets * kWidth;

  struct Rotation {
    Size i, sweep;
    double c, s;
  };
  /// Sweeps that follow one another through the columns: at step i sweep w rotates columns i + w, i
  /// + w + 1.
  struct Wave {
    Size first, steps;  // i = first, first - 1, ...
    Size at;            // of its pairs (c, s), (steps, kSweeps), an identity where a sweep has none
  };

  void end_wave() {
    Size low = n_, high = 0;
    for (const Rotation& rotation : wave_) {
      low = Eigen::numext::mini(low, rotation.i);
      high = Eigen::numext::maxi(high, rotation.i);
    }
    if (!wave_.empty()) {
      const Wave wave{high, high - low + kSweeps, used_};
      used_ += 2 * kSweeps * wave.steps;
      for (Size at = wave.at; at < used_; at += 2) {
        recorded_(at) = 1.0;
        recorded_(at + 1) = 0.0;
      }
      for (const Rotation& rotation : wave_) {
        const Size step = high - rotation.i + rotation.sweep;
        recorded_(wave.at + 2 * (step * kSweeps + rotation.sweep)) = rotation.c;
        recorded_(wave.at + 2 * (step * kSweeps + rotation.sweep) + 1) = rotation.s;
      }
      waves_.push_back(wave);
    }
    wave_.clear();
    sweeps_ = 0;
  }

  /// A few rows at a time, side by side in `rows_` between empty columns that a wave may touch.
  void apply() {
    if (waves_.empty()) return;
    double* const columns = rows_.data() + kRows * kSweeps;
    for (Size first = 0; first < n_; first += kRows) {
      look();
      const Size rows = n_ - first < kRows ? n_ - first : kRows;
      for (Size j = 0; j < n_; ++j)
        for (Size i = 0; i < rows; ++i) columns[j * kRows + i] = a_[first + i + j * lda_];
      for (const Wave& wave : waves_) run(wave, columns);
      for (Size j = 0; j < n_; ++j)
        for (Size i = 0; i < rows; ++i) a_[first + i + j * lda_] = columns[j * kRows + i];
    }
    waves_.clear();
    used_ = 0;
  }

  void run(const Wave& wave, double* columns) const {
    Packet held[kSweeps][kPackets];  // column i + w + 1 as sweep w left it
    double* column = columns + wave.first * kRows;
    for (int w = 0; w < kSweeps; ++w)
      for (int r = 0; r < kPackets; ++r) held[w][r] = load(column + (w + 1) * kRows + r * kWidth);
    const double* rotation = recorded_.data() + wave.at;
    for (Size step = 0; step < wave.steps; ++step, column -= kRows, rotation += 2 * kSweeps) {
      Packet c[kSweeps], s[kSweeps];
      for (int w = 0; w < kSweeps; ++w) {
        c[w] = spread(rotation[2 * w]);
        s[w] = spread(rotation[2 * w + 1]);
      }
      for (int r = 0; r < kPackets; ++r) {
        Packet x = load(column + r * kWidth);
        for (int w = 0; w < kSweeps; ++w) {
          const Packet above = add_product(Eigen::internal::pmul(s[w], x), c[w], held[w][r]);
          held[w][r] = subtract_product(Eigen::internal::pmul(c[w], x), s[w], held[w][r]);
          x = above;
        }
        store(column + kSweeps * kRows + r * kWidth, x);
      }
    }
    for (int w = 0; w < kSweeps; ++w)
      for (int r = 0; r < kPackets; ++r) store(column + (w + 1) * kRows + r * kWidth, held[w][r]);
  }

  Size n_;
  double* a_;
  Size lda_, most_, sweeps_ = 0, used_ = 0;
  Vector recorded_, rows_;
  std::vector<Rotation> wave_;
  std::vector<Wave> waves_;
};

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

/// values = scale times those of `found`, ascending, and the columns of `vectors` likewise. By
/// insertion: the method finds them nearly in order.
void sort(double scale, const Vector& found, double* values, MatrixMap vectors) {
  const Size n = found.size();
  Order order(n);
  for (Size i = 0; i < n; ++i) {
    Size at = i;
    for (; at > 0 && found(order(at - 1)) > found(i); --at) order(at) = order(at - 1);
    order(at) = i;
  }
  for (Size i = 0; i < n; ++i) values[i] = scale * found(order(i));
  for (Size start = 0; start < n && vectors.rows() > 0; ++start)
    for (Size to = start; order(to) != to;) {  // cycle by cycle
      const Size from = order(to);
      order(to) = to;
      if (from == start) break;
      vectors.col(to).swap(vectors.col(from));
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
  sort(scale, t.diagonal, values, map(a, n, n, lda));
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
  sort(scale, t.diagonal, values, map(a, 0, n, lda));
  return true;
}

OVERPRUNE_END_LEVEL
