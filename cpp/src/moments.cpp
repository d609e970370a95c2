// E[x x'] and E[x a'] of random features: closed forms where there are any.
#include <cmath>
#include <numbers>

#include "block.hpp"
#include "check.hpp"
#include "kernels/table.hpp"
#include "overprune/features.hpp"

namespace overprune {
namespace {

using std::numbers::pi;

constexpr Index kDegree = 256;        // terms of a Hermite expansion
constexpr double kParallel = 0.95;    // above this correlation it converges too slowly
constexpr Index kLegendreNodes = 64;  // nodes for the bivariate normal distribution

double density(double z) { return std::exp(-0.5 * z * z) / std::sqrt(2.0 * pi); }
double cdf(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

/// Gauss-Legendre nodes on [-1, 1] and weights that sum to one (Golub and Welsch).
struct Legendre {
  Legendre() : nodes(kLegendreNodes), weights(kLegendreNodes) {
    Buffer buffer;
    const Block jacobi = buffer.block(kLegendreNodes, kLegendreNodes);
    fill(jacobi, 0.0);
    for (Index i = 1; i < kLegendreNodes; ++i) {
      const auto m = static_cast<double>(i);
      jacobi(i, i - 1) = m / std::sqrt(4.0 * m * m - 1.0);
    }
    kernels::active().symmetric_eigen(kLegendreNodes, jacobi.data, jacobi.ld, nodes.data());
    for (Index i = 0; i < kLegendreNodes; ++i) weights[i] = jacobi(0, i) * jacobi(0, i);
  }
  std::vector<double> nodes, weights;
};

/// Calls f(u, weight) at the nodes of the trapezoidal rule for E f(u), u ~ N(0, 1), which converges
/// exponentially for smooth f.
template <class Function>
void each_node(double step, Function f) {
  constexpr double end = 13.0;
  const auto count = static_cast<Index>(end / step);
  for (Index i = -count; i <= count; ++i) {
    const double u = step * static_cast<double>(i);
    f(u, step * density(u));
  }
}

template <class Function>
double gaussian_mean(double step, Function f) {
  double sum = 0.0;
  each_node(step, [&](double u, double weight) { sum += weight * f(u); });
  return sum;
}

/// P(u > -h, v > -k) for standard normals of correlation rho = sin(angle).
double bivariate_cdf(double h, double k, double angle) {
  static const Legendre rule;
  double sum = 0.0;
  for (Index q = 0; q < kLegendreNodes; ++q) {
    const double t = 0.5 * angle * (1.0 + rule.nodes[q]), away = (h - k * std::sin(t)) / std::cos(t);
    sum += rule.weights[q] * std::exp(-0.5 * (away * away + k * k));
  }
  return cdf(h) * cdf(k) + sum * angle / (2.0 * pi);
}

/// The weights with what every formula needs of them.
struct Rows {
  Index p, d;
  Block inner;                            // (p, p) r_i'r_j, lower triangle
  std::vector<double> norm, bias, along;  // |r_i|, b_i, r_i'teacher
  Buffer buffer;

  Rows(ConstMatrix weights, ConstVector shifts, ConstVector teacher) : p(weights.rows), d(weights.cols) {
    Buffer transposed;
    const Block rows = transposed.block(d, p);
    for (Index i = 0; i < p; ++i)
      for (Index j = 0; j < d; ++j) rows(j, i) = weights(i, j);
    inner = buffer.block(p, p);
    fill(inner, 0.0);
    kernels::active().gram(p, d, rows.data, rows.ld, inner.data, inner.ld);
    for (Index i = 0; i < p; ++i) {
      norm.push_back(std::sqrt(inner(i, i)));
      bias.push_back(shifts.size > 0 ? shifts(i) : 0.0);
      double sum = 0.0;
      for (Index j = 0; j < d; ++j) sum += rows(j, i) * teacher(j);
      along.push_back(sum);
      if (norm[i] == 0.0) check::fail("weights must have no zero row, got one at index ", i);
      if (!(norm[i] > 1e-150 && norm[i] < 1e150))
        check::fail("weights must have rows of length 1e-150 to 1e150, got ", norm[i], " at index ", i);
    }
  }
  double cosine(Index i, Index j) const {
    return i == j ? 1.0 : std::clamp(inner(i, j) / (norm[i] * norm[j]), -1.0, 1.0);
  }
};

double relu_moment(const Rows& r, Index i, Index j) {
  const double rho = r.cosine(i, j), angle = std::acos(rho), root = std::sqrt(1.0 - rho * rho);
  const double scale = r.norm[i] * r.norm[j], h = r.bias[i] / r.norm[i], k = r.bias[j] / r.norm[j];
  if (h == 0.0 && k == 0.0) return scale * (std::sin(angle) + (pi - angle) * rho) / (2.0 * pi);
  if (i == j) return scale * ((1.0 + h * h) * cdf(h) + h * density(h));
  // E (u + h)_+ (v + k)_+ = (hk + rho) P(u > -h, v > -k) + boundary terms.
  const double away = std::max(root, 1e-150), above = (h - rho * k) / away;
  const double joint = std::exp(-0.5 * (above * above + k * k)) / (2.0 * pi);
  return scale *
         ((h * k + rho) * bivariate_cdf(h, k, std::asin(rho)) + h * density(k) * cdf((h - rho * k) / away) +
          k * density(h) * cdf((k - rho * h) / away) + root * joint);
}

/// E sign(u + h) sign(v + k) for standard normals of correlation sin(angle).
double sign_product(double h, double k, double angle) {
  if (h == 0.0 && k == 0.0) return 2.0 / pi * angle;
  return 4.0 * bivariate_cdf(h, k, angle) - 2.0 * cdf(h) - 2.0 * cdf(k) + 1.0;
}

double sign_moment(const Rows& r, Index i, Index j) {
  if (i == j) return 1.0;
  return sign_product(r.bias[i] / r.norm[i], r.bias[j] / r.norm[j], std::asin(r.cosine(i, j)));
}

double cos_moment(const Rows& r, Index i, Index j) {
  const double squares = r.norm[i] * r.norm[i] + r.norm[j] * r.norm[j], inner = r.inner(i, j);
  return 0.5 * (std::exp(-0.5 * squares + inner) * std::cos(r.bias[i] - r.bias[j]) +
                std::exp(-0.5 * squares - inner) * std::cos(r.bias[i] + r.bias[j]));
}

// erf(z) = E sign(z + w / sqrt(2)), w ~ N(0, 1): a sign feature with one more input of its own.
double erf_moment(const Rows& r, Index i, Index j) {
  const double a = 1.0 + 2.0 * r.norm[i] * r.norm[i], b = 1.0 + 2.0 * r.norm[j] * r.norm[j];
  const double angle = std::asin(2.0 * r.inner(i, j) / std::sqrt(a * b));
  return sign_product(std::numbers::sqrt2 * r.bias[i] / std::sqrt(a),
                      std::numbers::sqrt2 * r.bias[j] / std::sqrt(b), angle);
}

/// phi(|r| u + b) = sum_m c_m He_m(u) / sqrt(m!), so E[x_i x_j] = sum_m c_im c_jm rho^m.
class HermiteExpansion {
 public:
  HermiteExpansion(const Rows& rows, double (*phi)(double), const Poll& poll)
      : phi_(phi), coefficients_(kDegree * rows.p, 0.0) {
    for (Index i = 0; i < rows.p; ++i) {
      poll_now(poll);
      expand(rows, i);
    }
  }
  double moment(const Rows& r, Index i, Index j) const {
    const double rho = r.cosine(i, j);
    if (std::abs(rho) > kParallel) return parallel_moment(r, i, j, rho);
    const double* a = &coefficients_[i * kDegree];
    const double* b = &coefficients_[j * kDegree];
    double sum = 0.0;
    for (Index m = kDegree; m-- > 0;) sum = sum * rho + a[m] * b[m];
    return sum;
  }
  /// E[u phi(|r_i| u + b_i)].
  double slope(Index i) const { return coefficients_[i * kDegree + 1]; }

 private:
  /// The trapezoidal rule errs by exp(-2 pi d / step), d = pi / (2 scale) the distance of tanh's poles.
  static double step_for(double scale) { return std::min(0.04, 0.35 / scale); }

  double value(const Rows& r, Index i, double u) const { return phi_(r.norm[i] * u + r.bias[i]); }

  void expand(const Rows& rows, Index i) {
    std::vector<double> polynomial(kDegree);  // He_m(u) / sqrt(m!)
    each_node(step_for(rows.norm[i]), [&](double u, double weight) {
      weight *= value(rows, i, u);
      polynomial[0] = 1.0;
      polynomial[1] = u;
      for (Index m = 2; m < kDegree; ++m) {
        const auto degree = static_cast<double>(m);
        polynomial[m] =
            (u * polynomial[m - 1] - std::sqrt(degree - 1.0) * polynomial[m - 2]) / std::sqrt(degree);
      }
      for (Index m = 0; m < kDegree; ++m) coefficients_[i * kDegree + m] += weight * polynomial[m];
    });
  }

  /// The double integral itself, a single one where the rows are parallel.
  double parallel_moment(const Rows& r, Index i, Index j, double rho) const {
    const double root = std::sqrt(1.0 - rho * rho);
    return gaussian_mean(step_for(std::max(r.norm[i], r.norm[j])), [&](double u) {
      const auto given = [&](double w) { return value(r, j, rho * u + root * w); };
      const double inner = root < 1e-9 ? given(0.0) : gaussian_mean(step_for(root * r.norm[j]), given);
      return value(r, i, u) * inner;
    });
  }

  double (*phi_)(double);
  std::vector<double> coefficients_;
};

template <class Moment, class Slope>
void fill_moments(const Rows& rows, Moment moment, Slope slope, Matrix covariance, Vector cross,
                  const Poll& poll) {
  for (Index j = 0; j < rows.p; ++j) {
    poll_now(poll);
    cross(j) = slope(j) * rows.along[j];
    for (Index i = j; i < rows.p; ++i) covariance(i, j) = covariance(j, i) = moment(rows, i, j);
  }
}

}  // namespace

void feature_moments(ConstMatrix weights, Activation activation, ConstVector bias, ConstVector teacher,
                     Matrix covariance, Vector cross, const Poll& poll) {
  const Index p = weights.rows;
  check::same("teacher", weights.cols, teacher.size);
  if (bias.size > 0) check::same("bias", p, bias.size);
  check::same("covariance (rows)", p, covariance.rows);
  check::same("covariance (columns)", p, covariance.cols);
  check::same("cross", p, cross.size);
  check::finite("weights", weights);
  check::finite("bias", bias);
  check::finite("teacher", teacher);
  const Rows rows(weights, bias, teacher);
  const auto scaled_bias = [&](Index i) { return rows.bias[i] / rows.norm[i]; };

  if (activation == Activation::identity) {
    const auto moment = [](const Rows& r, Index i, Index j) { return r.inner(i, j) + r.bias[i] * r.bias[j]; };
    fill_moments(rows, moment, [](Index) { return 1.0; }, covariance, cross, poll);
  } else if (activation == Activation::relu) {
    fill_moments(rows, relu_moment, [&](Index i) { return cdf(scaled_bias(i)); }, covariance, cross, poll);
  } else if (activation == Activation::sign) {
    const auto slope = [&](Index i) { return 2.0 * density(scaled_bias(i)) / rows.norm[i]; };
    fill_moments(rows, sign_moment, slope, covariance, cross, poll);
  } else if (activation == Activation::cos) {
    const auto slope = [&](Index i) {
      return -std::sin(rows.bias[i]) * std::exp(-0.5 * rows.norm[i] * rows.norm[i]);
    };
    fill_moments(rows, cos_moment, slope, covariance, cross, poll);
  } else if (activation == Activation::erf) {
    const auto slope = [&](Index i) {
      const double a = 1.0 + 2.0 * rows.norm[i] * rows.norm[i];
      return 2.0 / std::sqrt(pi * a) * std::exp(-rows.bias[i] * rows.bias[i] / a);
    };
    fill_moments(rows, erf_moment, slope, covariance, cross, poll);
  } else {
    const HermiteExpansion expansion(rows, std::tanh, poll);
    const auto moment = [&](const Rows& r, Index i, Index j) { return expansion.moment(r, i, j); };
    const auto slope = [&](Index i) { return expansion.slope(i) / rows.norm[i]; };
    fill_moments(rows, moment, slope, covariance, cross, poll);
  }
}

}  // namespace overprune
