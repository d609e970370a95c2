// The losses' formulas. With the margin t = y f of a label y, the logistic and the hinge loss are
// functions of t alone.
#include "overprune/loss.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <vector>

#include "base/check.hpp"

namespace overprune {
namespace {

std::vector<const char*> loss_names() {
  std::vector<const char*> names;
  for (const LossTraits& loss : kLosses) names.push_back(loss.name);
  return names;
}

const LossTraits& loss_traits(NamedLoss loss) { return kLosses[static_cast<int>(loss)]; }

/// 1 / (1 + e^t), accurate in both tails.
double falling_sigmoid(double t) {
  if (t >= 0.0) {
    const double small = std::exp(-t);
    return small / (1.0 + small);
  }
  return 1.0 / (1.0 + std::exp(t));
}

/// log(1 + e^-t).
double logistic_value(double t) {
  return t >= 0.0 ? std::log1p(std::exp(-t)) : std::log1p(std::exp(t)) - t;
}

/// The t with t = s + V / (1 + e^t): it lies in [s, s + V]. Halley's method in the bracket, from
/// near `guess`.
double logistic_margin(double s, double V, double guess) {
  double low = s, high = s + V, t = std::clamp(guess, low, high), last = high - low;
  for (int i = 0; i < 200; ++i) {
    const double g = falling_sigmoid(t), error = (t - s) - V * g, bend = V * g * (1.0 - g),
                 slope = 1.0 + bend;
    (error > 0.0 ? high : low) = t;
    // The second derivative of the error is bend (2 g - 1).
    const double step = error / (slope - 0.5 * error / slope * bend * (2.0 * g - 1.0));
    // Steps shrink cubically: after one below the cube root of rounding nothing is left to do.
    if (std::abs(step) <= 3e-6 * std::max(std::abs(t), std::min(V, 1.0))) return t - step;
    const bool shrinks = std::abs(step) < 0.5 * last;
    last = shrinks ? std::abs(step) : high - low;
    t -= step;
    if (!shrinks || !(t > low && t < high)) t = 0.5 * (low + high);
  }
  return t;
}

/// Where the margin lies, about: t = log(V / (t - s) - 1), with a guess for t - s.
double margin_guess(double s, double V) {
  if (s > 0.0) return s + std::log1p(V * std::exp(-s));
  const double above = std::log1p(V) - s;
  return above < 0.5 * V ? std::log(V / above - 1.0) : std::min(s + V, 0.5 * (s + V) + 0.5);
}

struct Push {
  double push, slope;
};

Push push_of(NamedLoss loss, double y, double field, double V) {
  switch (loss) {
    case NamedLoss::square:
      return {(y - field) / (1.0 + V), -1.0 / (1.0 + V)};
    case NamedLoss::logistic: {
      const double s = y * field, g = falling_sigmoid(logistic_margin(s, V, margin_guess(s, V))),
                   curvature = g * (1.0 - g);
      return {y * g, -curvature / (1.0 + V * curvature)};
    }
    case NamedLoss::hinge: {
      const double short_of = 1.0 - y * field;
      if (short_of <= 0.0) return {0.0, 0.0};
      if (short_of >= V) return {y, 0.0};
      return {y * (short_of / V), -1.0 / V};
    }
  }
  return {0.0, 0.0};
}

void check_images(const std::string& name, const char* what, const double* out, Index count) {
  for (Index i = 0; i < count; ++i)
    if (!std::isfinite(out[i]))
      check::fail("loss ", name, " must have finite ", what, ", got ", out[i], " at index ", i);
}

/// Distance of the two points of a central difference.
double spacing(double at) { return 6e-6 * std::max(1.0, std::abs(at)); }

/// The central differences of f at x, f the image of many points at once.
template <class Images>
void differences(const double* x, Index count, const Images& images, double* out) {
  std::vector<double> point(x, x + count), above(count);
  for (Index i = 0; i < count; ++i) point[i] += spacing(x[i]);
  images(point.data(), above.data());
  for (Index i = 0; i < count; ++i) point[i] = x[i] - spacing(x[i]);
  images(point.data(), out);
  for (Index i = 0; i < count; ++i) out[i] = (above[i] - out[i]) / (2.0 * spacing(x[i]));
}

}  // namespace

Loss::Loss(std::string name, Value value, Prox prox)
    : name_(std::move(name)), value_(std::move(value)), prox_(std::move(prox)) {
  if (!value_) check::fail("value must not be an empty function");
  if (!prox_) check::fail("prox must not be an empty function");
}

std::string Loss::name() const { return named() ? loss_traits(loss_).name : name_; }
bool Loss::takes_numbers() const { return named() && loss_traits(loss_).takes_numbers; }
bool Loss::smooth() const { return named() && loss_traits(loss_).smooth; }

void Loss::value(const double* y, const double* f, Index count, double* out) const {
  check::pointer("y", y, count);
  check::pointer("f", f, count);
  check::pointer("out", out, count);
  if (!named()) {
    value_(y, f, count, out);
    return check_images(name_, "values", out, count);
  }
  for (Index i = 0; i < count; ++i)
    out[i] = is(NamedLoss::square)     ? 0.5 * (y[i] - f[i]) * (y[i] - f[i])
             : is(NamedLoss::logistic) ? logistic_value(y[i] * f[i])
                                       : std::max(0.0, 1.0 - y[i] * f[i]);
}

void Loss::derivative(const double* y, const double* f, Index count, double* out) const {
  check::pointer("y", y, count);
  check::pointer("f", f, count);
  check::pointer("out", out, count);
  if (!named())
    return differences(
        f, count, [&](const double* at, double* images) { value(y, at, count, images); }, out);
  for (Index i = 0; i < count; ++i)
    out[i] = is(NamedLoss::square)     ? f[i] - y[i]
             : is(NamedLoss::logistic) ? -y[i] * falling_sigmoid(y[i] * f[i])
                                       : (y[i] * f[i] < 1.0 ? -y[i] : 0.0);
}

void Loss::push(const double* y, const double* field, Index count, double V, double* push,
                double* slope) const {
  check::pointer("y", y, count);
  check::pointer("field", field, count);
  check::pointer("push", push, count);
  if (!(V > 0.0) || !std::isfinite(V)) check::fail("V must be finite and above 0, got ", V);
  if (named()) {
    for (Index i = 0; i < count; ++i) {
      const Push found = push_of(loss_, y[i], field[i], V);
      push[i] = found.push;
      if (slope != nullptr) slope[i] = found.slope;
    }
    return;
  }
  const auto operate = [&](const double* at, double* images) {
    prox_(y, at, count, V, images);
    check_images(name_, "proximal points", images, count);
  };
  if (slope != nullptr) {
    differences(field, count, operate, slope);
    for (Index i = 0; i < count; ++i) slope[i] = (slope[i] - 1.0) / V;
  }
  operate(field, push);
  for (Index i = 0; i < count; ++i) push[i] = (push[i] - field[i]) / V;
}

void Loss::prox(const double* y, const double* field, Index count, double V, double* out) const {
  push(y, field, count, V, out, nullptr);
  for (Index i = 0; i < count; ++i) out[i] = field[i] + V * out[i];
}

void Loss::prox_derivative(const double* y, const double* field, Index count, double V,
                           double* out) const {
  std::vector<double> pushes(count);
  push(y, field, count, V, pushes.data(), out);
  for (Index i = 0; i < count; ++i) out[i] = 1.0 + V * out[i];
}

NamedLoss loss_from_name(const std::string& name) {
  return static_cast<NamedLoss>(check::position("loss", name, loss_names()));
}

void check_convex(const Loss& loss) {
  constexpr Index count = 65;
  constexpr double step = 0.25;
  std::vector<double> y(count), f(count), value(count), fitted(count), best(count), other(count);
  for (Index i = 0; i < count; ++i) f[i] = step * static_cast<double>(i - count / 2);
  for (const double label : {-1.0, 1.0}) {
    std::fill(y.begin(), y.end(), label);
    loss.value(y.data(), f.data(), count, value.data());
    for (Index i = 1; i + 1 < count; ++i) {
      const double bend = value[i - 1] - 2.0 * value[i] + value[i + 1];
      const double size = std::abs(value[i - 1]) + std::abs(value[i]) + std::abs(value[i + 1]);
      if (bend < -1e-9 * (1.0 + size))
        check::fail("loss ", loss.name(), " must be convex in f, but at y = ", label,
                    " it bends "
                    "down at f = ",
                    f[i]);
    }
    for (const double V : {1e-3, 0.1, 1.0, 10.0, 1e3}) {
      const auto objective = [&](const std::vector<double>& at, std::vector<double>& out) {
        loss.value(y.data(), at.data(), count, out.data());
        for (Index i = 0; i < count; ++i) out[i] += (at[i] - f[i]) * (at[i] - f[i]) / (2.0 * V);
      };
      loss.prox(y.data(), f.data(), count, V, fitted.data());
      objective(fitted, best);
      for (const double away : {-1e-2, 1e-2}) {
        std::vector<double> moved = fitted;
        for (double& at : moved) at += away;
        objective(moved, other);
        for (Index i = 0; i < count; ++i)
          if (best[i] > other[i] + 1e-9 * (1.0 + std::abs(best[i])))
            check::fail("prox of loss ", loss.name(), " must minimise l(y, f) + (f - field)^2 / ",
                        2.0 * V, ", but at y = ", label, ", field = ", f[i], " f = ", fitted[i],
                        " is not the minimum");
      }
    }
  }
}

}  // namespace overprune
