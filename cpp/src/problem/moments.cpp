// E[x x'], E[y x] and E[y^2] of random features: closed forms where there are any, else quadrature.
#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>
#include <optional>

#include "base/block.hpp"
#include "base/check.hpp"
#include "base/normal.hpp"
#include "overprune/features.hpp"
#include "problem/feature_rows.hpp"
#include "problem/features.hpp"
#include "problem/gaussian_moments.hpp"

namespace overprune {
namespace {

using std::numbers::pi;

constexpr Index kLegendreNodes = 20;  // nodes a panel for the bivariate normal distribution

/// P(u > -h, v > -k): the density at the correlation sin t, integrated over t. Its layer near t =
/// pi / 2, where nearly parallel rows have different biases, is met by panels that halve towards
/// it.
double bivariate_cdf(double h, double k, Correlation rho) {
  static const QuadratureRule rule = gauss_legendre(kLegendreNodes);
  const double side = std::copysign(1.0, rho.cosine);
  // x = pi / 2 - |t| runs down to this
  const double nearest = std::atan2(rho.sine, std::abs(rho.cosine));
  double sum = 0.0;
  for (double far = 0.5 * pi; far > nearest && far > 1e-17;) {
    const double near = far < 3.0 * nearest ? nearest : 0.5 * far, middle = 0.5 * (near + far);
    for (Index q = 0; q < kLegendreNodes; ++q) {
      const double x = middle + 0.5 * (far - near) * rule.nodes[q];
      const double away = (h - side * k * std::cos(x)) / std::sin(x);
      sum += (far - near) * rule.weights[q] * std::exp(-0.5 * (away * away + k * k));
    }
    far = near;
  }
  return normal::lower_tail(h) * normal::lower_tail(k) + side * sum / (2.0 * pi);
}

double identity_moment(const FeatureRows& r, Index i, Index j) {
  return r.inner(i, j) + r.bias[i] * r.bias[j];
}

double relu_moment(const FeatureRows& r, Index i, Index j) {
  const double scale = r.norm[i] * r.norm[j], h = r.scaled_bias(i), k = r.scaled_bias(j);
  if (i == j) return scale * ((1.0 + h * h) * normal::lower_tail(h) + h * normal::density(h));
  const Correlation c = r.between(i, j);
  const double rho = c.cosine, angle = std::atan2(c.sine, rho);
  if (h == 0.0 && k == 0.0) return scale * (c.sine + (pi - angle) * rho) / (2.0 * pi);
  // E (u + h)_+ (v + k)_+ = (hk + rho) P(u > -h, v > -k) + boundary terms.
  const double root = std::max(c.sine, 1e-150), above = (h - rho * k) / root;
  const double joint = std::exp(-0.5 * (above * above + k * k)) / (2.0 * pi);
  return scale *
         ((h * k + rho) * bivariate_cdf(h, k, c) +
          h * normal::density(k) * normal::lower_tail(above) +
          k * normal::density(h) * normal::lower_tail((k - rho * h) / root) + c.sine * joint);
}

/// E sign(u + h) sign(v + k) for standard normals.
double sign_product(double h, double k, Correlation rho) {
  if (h == 0.0 && k == 0.0) return 2.0 / pi * std::atan2(rho.cosine, rho.sine);
  return 4.0 * bivariate_cdf(h, k, rho) - 2.0 * normal::lower_tail(h) -
         2.0 * normal::lower_tail(k) + 1.0;
}

double sign_moment(const FeatureRows& r, Index i, Index j) {
  if (i == j) return 1.0;
  return sign_product(r.scaled_bias(i), r.scaled_bias(j), r.between(i, j));
}

double cos_moment(const FeatureRows& r, Index i, Index j) {
  const double squares = r.norm[i] * r.norm[i] + r.norm[j] * r.norm[j], inner = r.inner(i, j);
  return 0.5 * (std::exp(-0.5 * squares + inner) * std::cos(r.bias[i] - r.bias[j]) +
                std::exp(-0.5 * squares - inner) * std::cos(r.bias[i] + r.bias[j]));
}

// erf(z) = E sign(z + w / sqrt(2)), w ~ N(0, 1): a sign feature with one more input of its own.
double erf_moment(const FeatureRows& r, Index i, Index j) {
  // Of the longer rows the parts that lie in the inputs and in the input of their own; lengths may
  // be such that products of them overflow.
  const double a = std::hypot(1.0, std::numbers::sqrt2 * r.norm[i]),
               b = std::hypot(1.0, std::numbers::sqrt2 * r.norm[j]);
  const double in_a = std::numbers::sqrt2 * r.norm[i] / a,
               in_b = std::numbers::sqrt2 * r.norm[j] / b;
  const Correlation rows = r.between(i, j);
  // 1 - cosine^2 without cancellation, from the angle of the rows themselves.
  const double sine =
      std::hypot(std::hypot(1.0 / a / b, in_a / b), std::hypot(in_b / a, in_a * in_b * rows.sine));
  return sign_product(std::numbers::sqrt2 * r.bias[i] / a, std::numbers::sqrt2 * r.bias[j] / b,
                      {in_a * in_b * rows.cosine, sine});
}

double identity_slope(const FeatureRows&, Index) { return 1.0; }
double relu_slope(const FeatureRows& r, Index i) { return normal::lower_tail(r.scaled_bias(i)); }
double sign_slope(const FeatureRows& r, Index i) {
  return 2.0 * normal::density(r.scaled_bias(i)) / r.norm[i];
}
double cos_slope(const FeatureRows& r, Index i) {
  return -std::sin(r.bias[i]) * std::exp(-0.5 * (r.norm[i] * r.norm[i]));
}
double erf_slope(const FeatureRows& r, Index i) {
  const double square = r.norm[i] * r.norm[i];
  return 2.0 / std::sqrt(pi * (1.0 + 2.0 * square)) *
         std::exp(-r.bias[i] * r.bias[i] / (1.0 + 2.0 * square));
}

/// The moments of an activation in closed form.
struct ClosedForm {
  double (*moment)(const FeatureRows&, Index, Index);  ///< E[x_i x_j]
  double (*slope)(const FeatureRows&, Index);          ///< E[u_i x_i] / |r_i|; times r_i: E[a x_i]
};

/// None where the moments are found by quadrature.
std::optional<ClosedForm> closed_form(const ScalarFunction& activation) {
  if (!activation.named()) return {};
  switch (activation.activation()) {
    case Activation::identity:
      return ClosedForm{identity_moment, identity_slope};
    case Activation::relu:
      return ClosedForm{relu_moment, relu_slope};
    case Activation::sign:
      return ClosedForm{sign_moment, sign_slope};
    case Activation::cos:
      return ClosedForm{cos_moment, cos_slope};
    case Activation::erf:
      return ClosedForm{erf_moment, erf_slope};
    default:
      return {};
  }
}

void fill_closed(const FeatureRows& rows, const ClosedForm& form, Matrix covariance,
                 const Poll& poll) {
  for (Index j = 0; j < rows.count(); ++j) {
    poll_now(poll);
    for (Index i = j; i < rows.count(); ++i)
      covariance(i, j) = covariance(j, i) = form.moment(rows, i, j);
  }
}

/// The activation where some row's feature looks for it.
PiecewisePolynomial pieces_of(const ScalarFunction& activation, const FeatureRows& rows,
                              const Poll& poll) {
  double lowest = rows.bias[0], highest = lowest, typical = 0.0;
  for (Index i = 0; i < rows.count(); ++i) {
    lowest = std::min(lowest, rows.bias[i] - kNormalRange * rows.norm[i]);
    highest = std::max(highest, rows.bias[i] + kNormalRange * rows.norm[i]);
    typical = std::max(typical, std::abs(rows.bias[i]) + rows.norm[i]);
  }
  return {activation, lowest, highest, typical, poll};
}

PiecewisePolynomial pieces_of_link(const ScalarFunction& link, double scale, const Poll& poll) {
  const double typical = scale > 0.0 ? scale : 1.0;
  return {link, -kNormalRange * typical, kNormalRange * typical, typical, poll};
}

}  // namespace

bool has_closed_moments(const ScalarFunction& activation) {
  return closed_form(activation).has_value();
}

double feature_moments(ConstMatrix weights, const ScalarFunction& activation, ConstVector bias,
                       ConstVector teacher, Matrix covariance, Vector cross,
                       const ScalarFunction& link, const Poll& poll) {
  const Index p = weights.rows;
  check_function("activation", activation);
  check_function("link", link);
  check::view("weights", weights);
  check::view("teacher", teacher);
  check::view("bias", bias);
  check::view("covariance", covariance);
  check::view("cross", cross);
  check::at_least("weights (rows)", p, 1);
  check::at_least("weights (columns)", weights.cols, 1);
  check::same("teacher", weights.cols, teacher.size);
  if (bias.size != 0) check::same("bias", p, bias.size);
  check::same("covariance (rows)", p, covariance.rows);
  check::same("covariance (columns)", p, covariance.cols);
  check::same("cross", p, cross.size);
  check::finite("weights", weights);
  check::finite("bias", bias);
  check::finite("teacher", teacher);
  const FeatureRows rows(weights, bias, teacher);
  const auto closed = closed_form(activation);
  const bool linear = link.is(Activation::identity);
  std::unique_ptr<const PiecewisePolynomial> pieces;
  if (!closed || !linear)
    pieces = std::make_unique<const PiecewisePolynomial>(pieces_of(activation, rows, poll));

  if (closed)
    fill_closed(rows, *closed, covariance, poll);
  else
    quadrature_covariance(rows, *pieces, covariance, poll);
  if (!linear) {
    const PiecewisePolynomial g = pieces_of_link(link, rows.teacher_norm, poll);
    quadrature_cross(rows, *pieces, g, cross, poll);
    return mean_square({g, rows.teacher_norm, 0.0});
  }
  std::vector<double> slopes(p);
  if (closed)
    for (Index i = 0; i < p; ++i) slopes[i] = closed->slope(rows, i);
  else
    quadrature_slopes(rows, *pieces, slopes.data(), poll);
  for (Index i = 0; i < p; ++i)
    cross(i) = slopes[i] * rows.along[i] / (closed ? 1.0 : rows.norm[i]);
  return rows.teacher_norm * rows.teacher_norm;
}

}  // namespace overprune
