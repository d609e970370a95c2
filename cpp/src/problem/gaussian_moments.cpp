#include "problem/gaussian_moments.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/normal.hpp"

namespace overprune {
namespace {

constexpr Index kDegrees[] = {
    256, 1024};  // terms of the expansions: for all pairs, and where many need more
constexpr double kTruncation = 1e-13;  // of the moment's size, from leaving terms out
constexpr double kRounding = 1e-15;    // of a sum of squares
constexpr Index kNodes = 20;           // of the Gauss-Legendre rule of a panel
constexpr Index kInnerNodes = 16;
constexpr double kInnerRange = 8.5;  // standard deviations of v given u
constexpr Index kLanes = 512;        // pairs whose series are summed side by side

/// Calls visit(left, right) for panels between the breaks, which it sorts, in [-12, 12], `width` at
/// most.
template <class Visit>
void each_panel(std::vector<double>& breaks, double width, Visit visit) {
  breaks.push_back(-kNormalRange);
  breaks.push_back(kNormalRange);
  std::sort(breaks.begin(), breaks.end());
  for (std::size_t k = 0; k + 1 < breaks.size(); ++k) {
    const double left = breaks[k], length = breaks[k + 1] - left;
    if (left < -kNormalRange || length <= 0.0 || breaks[k + 1] > kNormalRange) continue;
    const double parts = std::ceil(length / width);
    for (double part = 0.0; part < parts; part += 1.0)
      visit(left + length * (part / parts), left + length * ((part + 1.0) / parts));
  }
}

/// The places z = scale u + shift, in u.
void add_breaks(const std::vector<double>& places, double scale, double shift,
                std::vector<double>& breaks) {
  for (const double z : places) {
    const double u = (z - shift) / scale;
    if (std::abs(u) < kNormalRange) breaks.push_back(u);  // not for a scale of zero
  }
}

/// Nodes in one panel of u and the feature's values there.
struct Panel {
  double u[kNodes], weight[kNodes], value[kNodes];  // the weights hold the density of u

  void place(double left, double right) {
    static const QuadratureRule rule = gauss_legendre(kNodes);
    for (Index q = 0; q < kNodes; ++q) {
      u[q] = 0.5 * (left + right) + 0.5 * (right - left) * rule.nodes[q];
      weight[q] = (right - left) * rule.weights[q] * normal::density(u[q]);
    }
  }
  void evaluate(const GaussianFeature& feature, double sign = 1.0) {
    double z[kNodes];
    for (Index q = 0; q < kNodes; ++q) z[q] = sign * feature.scale * u[q] + feature.shift;
    feature.f.evaluate(feature.f.piece_of(z[kNodes / 2]), z, kNodes, value);
  }
};

/// Whether g is nearly a polynomial over such a stretch where two pieces meet.
bool is_smooth(const PiecewisePolynomial& g, Index piece, double stretch) {
  const auto& points = g.breakpoints();
  const double shorter =
      std::min(points[piece + 1] - points[piece], points[piece + 2] - points[piece + 1]);
  return stretch < shorter &&
         !std::binary_search(g.kinks().begin(), g.kinks().end(), points[piece + 1]);
}

/// E g(m + sigma w), w ~ N(0, 1).
double smoothed(const PiecewisePolynomial& g, double m, double sigma) {
  static const QuadratureRule hermite = gauss_hermite(PiecewisePolynomial::kDegree / 2 + 1);
  static const QuadratureRule legendre = gauss_legendre(kInnerNodes);
  const double lowest = m - kInnerRange * sigma, highest = m + kInnerRange * sigma;
  const Index first = g.piece_of(lowest), last = g.piece_of(highest);
  double sum = 0.0, z[kInnerNodes], value[kInnerNodes];
  if (first == last) {  // a polynomial, for which this rule is exact
    const auto count = static_cast<Index>(hermite.nodes.size());
    for (Index q = 0; q < count; ++q) z[q] = m + sigma * hermite.nodes[q];
    g.evaluate(first, z, count, value);
    for (Index q = 0; q < count; ++q) sum += hermite.weights[q] * value[q];
    return sum;
  }
  if (last == first + 1 && is_smooth(g, first, highest - lowest)) {
    for (std::size_t q = 0; q < hermite.nodes.size(); ++q)
      sum += hermite.weights[q] * g.value(m + sigma * hermite.nodes[q]);
    return sum;
  }
  for (Index piece = first; piece <= last; ++piece) {
    const double left = piece == first ? lowest : g.breakpoints()[piece];
    const double right = piece == last ? highest : g.breakpoints()[piece + 1];
    const double parts = std::ceil((right - left) / (4.0 * sigma));
    for (double part = 0.0; part < parts; part += 1.0) {
      const double length = (right - left) / parts, middle = left + (part + 0.5) * length;
      for (Index q = 0; q < kInnerNodes; ++q) z[q] = middle + 0.5 * length * legendre.nodes[q];
      g.evaluate(piece, z, kInnerNodes, value);
      for (Index q = 0; q < kInnerNodes; ++q)
        sum +=
            length / sigma * legendre.weights[q] * normal::density((z[q] - m) / sigma) * value[q];
    }
  }
  return sum;
}

/// The Hermite expansions of several features.
class Expansions {
 public:
  Expansions(Index degree, Index count)
      : degree_(degree),
        count_(count),
        coefficients_(degree * count),
        square_(count),
        missing_(count) {}

  void expand(Index i, const GaussianFeature& feature) {
    // He_m / sqrt(m!) has wavelengths down to 2 pi / sqrt(m).
    sample(feature, std::min(1.0, 16.0 / std::sqrt(static_cast<double>(degree_))));
    const auto nodes = static_cast<Index>(u_.size());
    double square = 0.0, found = 0.0;
    for (Index q = 0; q < nodes; ++q) {
      square += weighted_[q] * value_[q];
      const double root = std::exp(-0.25 * u_[q] * u_[q]);  // keeps the polynomials in range
      weighted_[q] /= root;
      before_[q] = 0.0;
      now_[q] = root;
    }
    for (Index m = 0; m < degree_; ++m) {
      double sums[4] = {};
      for (Index q = 0; q < nodes; q += 4)  // kNodes is a multiple of 4
        for (Index lane = 0; lane < 4; ++lane) sums[lane] += weighted_[q + lane] * now_[q + lane];
      const double c = (sums[0] + sums[1]) + (sums[2] + sums[3]);
      coefficients_[m * count_ + i] = c;
      found += c * c;
      const double down = std::sqrt(static_cast<double>(m)),
                   up = std::sqrt(static_cast<double>(m + 1));
      for (Index q = 0; q < nodes; ++q) {
        const double next = (u_[q] * now_[q] - down * before_[q]) / up;
        before_[q] = now_[q];
        now_[q] = next;
      }
    }
    square_[i] = square;
    missing_[i] = std::max(std::abs(square - found), kRounding * square);
  }

  Index degree() const { return degree_; }
  double square(Index i) const { return square_[i]; }  ///< E[x_i^2]
  double coefficient(Index i, Index m) const { return coefficients_[m * count_ + i]; }

  /// Whether the series gives E[x_i y], y = feature `j` of `other`, at this correlation.
  bool converges(Index i, const Expansions& other, Index j, double cosine) const {
    const double left_out = std::pow(std::abs(cosine), static_cast<double>(degree_)) *
                            std::sqrt(missing_[i]) * std::sqrt(other.missing_[j]);
    return left_out <= kTruncation * std::sqrt(square_[i]) * std::sqrt(other.square_[j]);
  }

  /// sum[l] = E[x_row(l) y], y = feature `j` of `other` with correlation rho[l], l < count <=
  /// kLanes.
  template <class Row>
  void series(const Expansions& other, Index j, Index count, Row row, const double* rho,
              double* sum) const {
    double largest = 0.0;
    for (Index l = 0; l < count; ++l) largest = std::max(largest, std::abs(rho[l]));
    const double enough = largest < 1.0
                              ? std::ceil(std::log(1e-18) / std::log(std::max(largest, 1e-18))) + 2
                              : static_cast<double>(degree_);
    std::fill_n(sum, count, 0.0);
    for (Index m = static_cast<Index>(std::min(enough, static_cast<double>(degree_))); m-- > 0;) {
      const double* c = coefficients_.data() + m * count_;
      const double own = other.coefficient(j, m);
      for (Index l = 0; l < count; ++l) sum[l] = sum[l] * rho[l] + own * c[row(l)];
    }
  }

 private:
  void sample(const GaussianFeature& feature, double width) {
    breaks_.clear();
    u_.clear();
    weighted_.clear();
    value_.clear();
    add_breaks(feature.f.breakpoints(), feature.scale, feature.shift, breaks_);
    Panel panel;
    each_panel(breaks_, width, [&](double left, double right) {
      panel.place(left, right);
      panel.evaluate(feature);
      for (Index q = 0; q < kNodes; ++q) {
        u_.push_back(panel.u[q]);
        value_.push_back(panel.value[q]);
        weighted_.push_back(panel.weight[q] * panel.value[q]);
      }
    });
    before_.resize(u_.size());
    now_.resize(u_.size());
  }

  Index degree_, count_;
  std::vector<double> coefficients_, square_, missing_;  // (count, degree), degree after degree
  std::vector<double> breaks_, u_, weighted_, value_, before_, now_;
};

/// Given u, g(v) is g smoothed over a width of sine / |cosine| in u: where g has a kink, or varies
/// over less than that, panels have to be that narrow.
void add_smoothing_breaks(const GaussianFeature& g, Correlation rho, std::vector<double>& breaks) {
  const auto &points = g.f.breakpoints(), &kinks = g.f.kinks();
  std::vector<double> sharp, centres, edges;
  for (std::size_t k = 1; k + 1 < points.size(); ++k) {
    const double shorter = std::min(points[k] - points[k - 1], points[k + 1] - points[k]);
    if (g.scale * rho.sine > 0.05 * shorter ||
        std::binary_search(kinks.begin(), kinks.end(), points[k]))
      sharp.push_back(points[k]);
  }
  add_breaks(sharp, g.scale * rho.cosine, g.shift, centres);
  const double width = rho.sine / std::abs(rho.cosine);
  for (const double centre : centres)
    for (const double away :
         {-kInnerRange, -6.5, -4.5, -3.0, -1.5, 1.5, 3.0, 4.5, 6.5, kInnerRange})
      edges.push_back(std::clamp(centre + away * width, -kNormalRange, kNormalRange));
  std::sort(edges.begin(), edges.end());
  double last = -2.0 * kNormalRange;
  for (const double edge : edges)
    if (edge - last >= 0.75 * width) breaks.push_back(last = edge);  // the surroundings may overlap
}

GaussianFeature feature_of(const FeatureRows& rows, const PiecewisePolynomial& f, Index i) {
  return {f, rows.norm[i], rows.bias[i]};
}

Expansions expand_rows(const FeatureRows& rows, const PiecewisePolynomial& f, Index degree,
                       const Poll& poll) {
  Expansions expansions(degree, rows.count());
  for (Index i = 0; i < rows.count(); ++i) {
    poll_now(poll);
    expansions.expand(i, feature_of(rows, f, i));
  }
  return expansions;
}

/// Pairs of features, by columns.
using Pairs = std::vector<std::pair<Index, Index>>;

/// Sets the covariances of pairs in column j that the series gives; the others join `hard`.
template <class Row>
void sum_column(const FeatureRows& rows, const Expansions& expansions, Index j, Index count,
                Row row, Matrix covariance, Pairs& hard) {
  double rho[kLanes], sum[kLanes];
  bool converges[kLanes];
  for (Index l = 0; l < count; ++l) {
    const double cosine = rows.between(row(l), j).cosine;
    converges[l] = expansions.converges(row(l), expansions, j, cosine);
    rho[l] = converges[l] ? cosine : 0.0;
  }
  expansions.series(expansions, j, count, row, rho, sum);
  for (Index l = 0; l < count; ++l) {
    const Index i = row(l);
    if (!converges[l]) hard.emplace_back(i, j);
    covariance(i, j) = covariance(j, i) = sum[l];
  }
}

}  // namespace

double mean_square(const GaussianFeature& feature) { return mean_product(feature, feature, {}); }

double mean_product(const GaussianFeature& f, const GaussianFeature& g, Correlation rho) {
  std::vector<double> breaks;
  add_breaks(f.f.breakpoints(), f.scale, f.shift, breaks);
  const double sign = std::copysign(1.0, rho.cosine);
  double sum = 0.0;
  Panel panel;
  add_breaks(g.f.breakpoints(), g.scale * (rho.sine == 0.0 ? sign : rho.cosine), g.shift, breaks);
  if (rho.sine == 0.0) {
    Panel other;
    each_panel(breaks, 1.0, [&](double left, double right) {
      panel.place(left, right);
      other = panel;
      panel.evaluate(f);
      other.evaluate(g, sign);
      for (Index q = 0; q < kNodes; ++q) sum += panel.weight[q] * panel.value[q] * other.value[q];
    });
    return sum;
  }
  add_smoothing_breaks(g, rho, breaks);
  each_panel(breaks, 1.0, [&](double left, double right) {
    panel.place(left, right);
    panel.evaluate(f);
    for (Index q = 0; q < kNodes; ++q)
      sum += panel.weight[q] * panel.value[q] *
             smoothed(g.f, g.scale * rho.cosine * panel.u[q] + g.shift, g.scale * rho.sine);
  });
  return sum;
}

void quadrature_covariance(const FeatureRows& rows, const PiecewisePolynomial& f, Matrix covariance,
                           const Poll& poll) {
  const Index p = rows.count();
  Pairs hard;
  {
    const Expansions expansions = expand_rows(rows, f, kDegrees[0], poll);
    for (Index j = 0; j < p; ++j) {
      covariance(j, j) = expansions.square(j);
      for (Index first = j + 1; first < p; first += kLanes) {
        poll_now(poll);
        const auto row = [first](Index l) { return first + l; };
        sum_column(rows, expansions, j, std::min(kLanes, p - first), row, covariance, hard);
      }
    }
  }
  // A longer expansion of every row is worth some 8 integrals of a function with one kink.
  if (static_cast<Index>(hard.size()) * f.pieces() > 16 * p) {
    const Expansions expansions = expand_rows(rows, f, kDegrees[1], poll);
    const Pairs before = std::exchange(hard, {});
    const auto count = static_cast<Index>(before.size());
    for (Index first = 0, end = 0; first < count; first = end) {
      poll_now(poll);
      while (end < count && before[end].second == before[first].second && end - first < kLanes)
        ++end;
      const auto row = [&](Index l) { return before[first + l].first; };
      sum_column(rows, expansions, before[first].second, end - first, row, covariance, hard);
    }
  }
  for (const auto& [i, j] : hard) {
    poll_now(poll);
    covariance(i, j) = covariance(j, i) =
        mean_product(feature_of(rows, f, i), feature_of(rows, f, j), rows.between(i, j));
  }
}

void quadrature_slopes(const FeatureRows& rows, const PiecewisePolynomial& f, double* slopes,
                       const Poll& poll) {
  const Expansions expansions = expand_rows(rows, f, 2, poll);
  for (Index i = 0; i < rows.count(); ++i) slopes[i] = expansions.coefficient(i, 1);
}

void quadrature_cross(const FeatureRows& rows, const PiecewisePolynomial& f,
                      const PiecewisePolynomial& g, Vector cross, const Poll& poll) {
  const Expansions expansions = expand_rows(rows, f, kDegrees[0], poll);
  const GaussianFeature answer{g, rows.teacher_norm, 0.0};
  Expansions link(kDegrees[0], 1);
  link.expand(0, answer);
  for (Index i = 0; i < rows.count(); ++i) {
    poll_now(poll);
    const Correlation rho = rows.with_teacher(i);
    if (expansions.converges(i, link, 0, rho.cosine))
      expansions.series(link, 0, 1, [i](Index) { return i; }, &rho.cosine, &cross(i));
    else
      cross(i) = mean_product(feature_of(rows, f, i), answer, rho);
  }
}

}  // namespace overprune
