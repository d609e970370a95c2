#include "problem/piecewise.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/check.hpp"
#include "kernels/table.hpp"

namespace overprune {
namespace {

constexpr Index kPoints = PiecewisePolynomial::kDegree + 1;
constexpr double kTolerances[] = {2e-14, 1e-10, 1e-6};
constexpr std::size_t kMostPending = 4096;  // pieces halved at once; noise doubles them without end
constexpr double kNarrowest = 0x1p-51;      // of its place: a piece that narrow holds a jump
constexpr Index kUnresolved = -1;           // degree of such a piece

/// Golub and Welsch: the eigendecomposition of the Jacobi matrix with zero diagonal.
template <class Entry>
QuadratureRule gauss_rule(Index count, Entry below_diagonal) {
  QuadratureRule rule{std::vector<double>(count), std::vector<double>(count)};
  Buffer buffer;
  const Block jacobi = buffer.block(count, count);
  fill(jacobi, 0.0);
  for (Index i = 1; i < count; ++i) jacobi(i, i - 1) = below_diagonal(static_cast<double>(i));
  kernels::active().symmetric_eigen(count, jacobi.data, jacobi.ld, rule.nodes.data());
  for (Index i = 0; i < count; ++i) rule.weights[i] = jacobi(0, i) * jacobi(0, i);
  return rule;
}

/// cos(pi j k / kDegree): Chebyshev points and polynomials.
struct Cosines {
  double table[kPoints][kPoints];
  Cosines() {
    // The argument reduced first, so that the points are symmetric to the last bit.
    for (Index j = 0; j < kPoints; ++j)
      for (Index k = 0; k < kPoints; ++k) {
        const Index turn = 2 * (kPoints - 1), m = j * k % turn, near = std::min(m, turn - m);
        const bool left = 2 * near > kPoints - 1;
        const auto steps = static_cast<double>(left ? kPoints - 1 - near : near);
        const double value =
            2 * near == kPoints - 1 ? 0.0 : std::cos(std::numbers::pi * steps / (kPoints - 1));
        table[j][k] = left ? -value : value;
      }
  }
};

const Cosines& cosines() {
  static const Cosines table;
  return table;
}

double point(double left, double right, Index k) {
  if (k == 0) return right;
  if (k == kPoints - 1) return left;
  return 0.5 * (left + right) + 0.5 * (right - left) * cosines().table[1][k];
}

/// Ends of pieces to begin with: equal ones, and ones that grow with the distance from zero, where
/// functions tend to have their features.
std::vector<double> first_grid(double lowest, double highest) {
  std::vector<double> grid{lowest, highest};
  const auto add = [&](double z) {
    if (z > lowest && z < highest) grid.push_back(z);
  };
  const double end = std::max(std::abs(lowest), std::abs(highest));
  for (int i = 1; i < 32; ++i) add(lowest + (highest - lowest) * i / 32.0);
  for (int i = 0; i < 8; ++i) {
    add(i / 8.0);
    add(-i / 8.0);
    for (double octave = 1.0; octave < end; octave *= 2.0) {
      add(octave * (1.0 + i / 8.0));
      add(-octave * (1.0 + i / 8.0));
    }
  }
  std::sort(grid.begin(), grid.end());
  grid.erase(std::unique(grid.begin(), grid.end()), grid.end());
  return grid;
}

}  // namespace

QuadratureRule gauss_legendre(Index count) {
  return gauss_rule(count, [](double m) { return m / std::sqrt(4.0 * m * m - 1.0); });
}

QuadratureRule gauss_hermite(Index count) {
  return gauss_rule(count, [](double m) { return std::sqrt(m); });
}

PiecewisePolynomial::PiecewisePolynomial(const ScalarFunction& f, double lowest, double highest,
                                         double typical, const Poll& poll) {
  const std::vector<double> grid = first_grid(lowest, highest);
  for (const double tolerance : kTolerances) {
    tolerance_ = tolerance;
    if (!refine(f, grid, typical, poll)) continue;
    if (std::all_of(pieces_.begin(), pieces_.end(),
                    [](const Piece& p) { return p.degree == kUnresolved; }))
      continue;  // also where there is no piece, because the ends are the same number
    merge();
    return;
  }
  if (f.named())  // it is piecewise smooth, but not as seen from so far away
    check::fail("weights, bias and teacher must be smaller or nearer to each other: on [", lowest,
                ", ", highest,
                "] no polynomials come near the activation or link in double precision");
  check::fail(f.name(), " must be piecewise smooth: on [", lowest, ", ", highest,
              "] no polynomials on short pieces come near it");
}

bool PiecewisePolynomial::fit(double left, double right, const double* values, Piece& piece) const {
  const auto& table = cosines().table;
  const Index n = kPoints - 1;
  double largest = size_;
  for (Index k = 0; k <= n; ++k) largest = std::max(largest, std::abs(values[k]));
  piece = {left, right, {}, 0};
  for (Index j = 0; j <= n; ++j) {
    double sum = 0.5 * (values[0] + values[n] * table[j][n]);
    for (Index k = 1; k < n; ++k) sum += values[k] * table[j][k];
    piece.coefficients[j] = sum * (j == 0 || j == n ? 1.0 : 2.0) / static_cast<double>(n);
    if (std::abs(piece.coefficients[j]) > 1e-17 * largest) piece.degree = j;
  }
  double tail = 0.0;
  for (Index j = n - 2; j <= n; ++j) tail = std::max(tail, std::abs(piece.coefficients[j]));
  // Coefficients that are rounding errors are not worth evaluating.
  while (piece.degree > 0 &&
         std::abs(piece.coefficients[piece.degree]) < 0.1 * tolerance_ * largest)
    --piece.degree;
  return tail <= tolerance_ * largest;
}

bool PiecewisePolynomial::refine(const ScalarFunction& f, const std::vector<double>& grid,
                                 double typical, const Poll& poll) {
  struct Interval {
    double left, right;
  };
  std::vector<Interval> pending, halves;
  for (std::size_t i = 0; i + 1 < grid.size(); ++i) pending.push_back({grid[i], grid[i + 1]});
  pieces_.clear();
  size_ = 0.0;
  for (bool first = true; !pending.empty(); first = false) {
    poll_now(poll);
    std::vector<double> z(pending.size() * kPoints);
    for (std::size_t i = 0; i < pending.size(); ++i)
      for (Index k = 0; k < kPoints; ++k)
        z[i * kPoints + k] = point(pending[i].left, pending[i].right, k);
    std::vector<double> values = z;
    f(values.data(), static_cast<Index>(values.size()));
    for (std::size_t i = 0; first && i < z.size(); ++i)
      if (std::abs(z[i]) <= typical) size_ = std::max(size_, std::abs(values[i]));
    halves.clear();
    for (std::size_t i = 0; i < pending.size(); ++i) {
      const auto [left, right] = pending[i];
      Piece piece;
      if (fit(left, right, &values[i * kPoints], piece)) {
        pieces_.push_back(piece);
        continue;
      }
      const double middle = 0.5 * (left + right);
      if (right - left <= kNarrowest * std::max({std::abs(left), std::abs(right), typical}) ||
          middle <= left || middle >= right) {
        piece.degree = kUnresolved;
        pieces_.push_back(piece);
      } else {
        halves.push_back({left, middle});
        halves.push_back({middle, right});
      }
    }
    if (halves.size() > kMostPending) return false;
    pending.swap(halves);
  }
  std::sort(pieces_.begin(), pieces_.end(),
            [](const Piece& a, const Piece& b) { return a.left < b.left; });
  return true;
}

/// Drops the pieces that hold nothing but a jump, and joins neighbours that one polynomial covers.
void PiecewisePolynomial::merge() {
  std::vector<Piece> kept;
  for (Piece piece : pieces_) {
    if (piece.degree == kUnresolved) continue;
    while (!kept.empty()) {
      const Piece& last = kept.back();
      double values[kPoints];
      for (Index k = 0; k < kPoints; ++k) {
        const double z = point(last.left, piece.right, k);
        evaluate(z > last.right ? piece : last, &z, 1, values + k);
      }
      Piece joint;
      if (!fit(last.left, piece.right, values, joint)) break;
      piece = joint;
      kept.pop_back();
    }
    kept.push_back(piece);
  }
  breakpoints_ = {pieces_.front().left};
  for (std::size_t i = 0; i + 1 < kept.size(); ++i)
    breakpoints_.push_back(0.5 * (kept[i].right + kept[i + 1].left));
  breakpoints_.push_back(pieces_.back().right);
  pieces_ = std::move(kept);
  // Pieces may meet only because more than one is needed: then one polynomial covers the
  // surroundings.
  tolerance_ *= 10.0;
  for (std::size_t i = 1; i < pieces_.size(); ++i) {
    const double at = breakpoints_[i];
    const double reach = 0.25 * std::min(at - breakpoints_[i - 1], breakpoints_[i + 1] - at);
    double values[kPoints];
    for (Index k = 0; k < kPoints; ++k) values[k] = value(point(at - reach, at + reach, k));
    Piece around;
    if (!fit(at - reach, at + reach, values, around)) kinks_.push_back(at);
  }
}

double PiecewisePolynomial::value(double z) const {
  double result = 0.0;
  evaluate(piece_of(z), &z, 1, &result);
  return result;
}

Index PiecewisePolynomial::piece_of(double z) const {
  const auto inner = breakpoints_.begin() + 1;
  return std::upper_bound(inner, breakpoints_.end() - 1, z) - inner;
}

void PiecewisePolynomial::evaluate(const Piece& piece, const double* z, Index count, double* out) {
  const double middle = 0.5 * (piece.left + piece.right), half = 0.5 * (piece.right - piece.left);
  constexpr Index kLanes = 8;  // Clenshaw's recurrence for several z side by side
  for (Index first = 0; first < count; first += kLanes) {
    const Index lanes = std::min(kLanes, count - first);
    double x[kLanes] = {}, b[kLanes] = {}, before[kLanes] = {};
    for (Index i = 0; i < lanes; ++i) x[i] = (z[first + i] - middle) / half;
    for (Index j = piece.degree; j > 0; --j)
      for (Index i = 0; i < kLanes; ++i) {
        const double next = piece.coefficients[j] + 2.0 * x[i] * b[i] - before[i];
        before[i] = b[i];
        b[i] = next;
      }
    for (Index i = 0; i < lanes; ++i)
      out[first + i] = piece.coefficients[0] + x[i] * b[i] - before[i];
  }
}

}  // namespace overprune
