#include "solve/margin_fit.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.hpp"
#include "kernels/table.hpp"

namespace overprune {
namespace {

constexpr Index kMostSteps = 400;
constexpr Index kMostEnvelopes = 100;
/// Newton steps in an envelope that may be given up for a smoother one.
constexpr Index kMostInEnvelope = 60;
/// By how much V grows where Newton's steps do not settle.
constexpr double kSmoother = 10.0;
/// V of the first envelope, relative to the size of an output for multipliers of one.
constexpr double kFirstV = 1e-2;
/// The least V times the largest multiplier, as rounding moves all by epsilon / V.
constexpr double kLeastV = 1e-5;
/// The next envelope gets a smaller V where a distance shrinks by less than this.
constexpr double kSlowOuter = 0.03;
/// A distance, relative to the outputs, that is rounding, and one that may be.
constexpr double kReached = 1e-14, kNearlyReached = 1e-11;
/// A change of multipliers, relative to the largest, that is no longer one.
constexpr double kGapSettled = 1e-10;
/// A change of outputs, relative to them, that is not worth a correction.
constexpr double kCorrected = 1e-13;

/// The size of an output for multipliers of one: tr(X X') / (n lambda).
double output_scale(const OutputSystem& system) {
  const ConstBlock matrix = system.matrix();
  double trace = 0.0;
  if (system.is_dual())
    for (Index i = 0; i < matrix.cols; ++i) trace += matrix(i, i);
  else
    for (Index j = 0; j < matrix.cols; ++j)
      trace += inner(matrix.rows, matrix.col(j), matrix.col(j));
  return trace / (static_cast<double>(matrix.rows) * system.lambda());
}

}  // namespace

void LogisticRows::at(const double* z, double* slope, double* curvature) const {
  kernels::active().logistic(n_, labels_, z, slope, curvature);
}

void EnvelopeRows::at(const double* z, double* slope, double* curvature) const {
  double* field = space_;
  for (Index i = 0; i < n_; ++i) field[i] = z[i] - v_ * multipliers_[i];
  loss_.push(labels_, field, n_, v_, slope, curvature);
  for (Index i = 0; i < n_; ++i) {
    slope[i] = -slope[i];
    curvature[i] = std::max(0.0, -curvature[i]);
  }
}

MarginFit::Outcome MarginFit::run(OutputSystem& system, const Loss& loss, const double* labels,
                                  bool begun, double* c, double* z, double* u, const Poll& poll) {
  const Index n = system.rows();
  for (auto* values : {&multipliers_, &proximal_}) values->resize(n);
  space_.resize(2 * n);
  residual_.resize(system.coordinates());
  return loss.smooth() ? run_smooth(system, labels, begun, c, z, u, poll)
                       : run_envelope(system, loss, labels, begun, c, z, u, poll);
}

void MarginFit::need(Index n, Index coordinates, MemoryNeed& need) {
  need.hold(5 * n + 2 * coordinates);
  NewtonFit::need(n, coordinates, need);
}

MarginFit::Outcome MarginFit::run_smooth(OutputSystem& system, const double* labels, bool begun,
                                         double* c, double* z, double* u, const Poll& poll) {
  const LogisticRows rows(system.rows(), labels);
  if (!begun) newton_.begin(system, rows, c, z);
  const NewtonFit::Outcome found = newton_.run(system, rows, labels, c, z, kMostSteps, poll);
  for (Index i = 0; i < system.rows(); ++i) u[i] = -newton_.slope()[i];
  Outcome outcome;
  outcome.factors = found.factors;
  outcome.unbounded = found.unbounded || (system.lambda() == 0.0 && !found.settled);
  outcome.gap = found.settled ? 0.0 : std::numeric_limits<double>::quiet_NaN();
  return outcome;
}

// The method of multipliers: envelope after envelope, each minimised by Newton's method, which is
// what a dual proximal step is. It ends by itself where the loss is piecewise linear.
MarginFit::Outcome MarginFit::run_envelope(OutputSystem& system, const Loss& loss,
                                           const double* labels, bool begun, double* c, double* z,
                                           double* u, const Poll& poll) {
  const Index n = system.rows();
  const double scale = output_scale(system);
  if (!std::isfinite(scale)) check::unsolved();
  v_ = std::max(kFirstV * scale, kLeastV);
  double before = std::numeric_limits<double>::infinity(), least = 0.0;  // V that is not too small
  Outcome outcome;
  for (Index outer = 0; outer < kMostEnvelopes; ++outer) {
    std::copy_n(u, n, multipliers_.data());
    const EnvelopeRows rows(loss, n, labels, multipliers_.data(), v_, space_.data());
    if (!begun) newton_.begin(system, rows, c, z);
    begun = true;
    start_.assign(c, c + system.coordinates());
    start_.insert(start_.end(), z, z + n);
    const NewtonFit::Outcome found =
        newton_.run(system, rows, nullptr, c, z, kMostInEnvelope, poll);
    outcome.factors += found.factors;
    if (!found.settled && outer + 1 < kMostEnvelopes) {
      // Where V is small, so are the pieces that a step stays in: a larger one costs more
      // envelopes.
      std::copy_n(start_.data(), system.coordinates(), c);
      std::copy_n(start_.data() + system.coordinates(), n, z);
      v_ = least = kSmoother * v_;
      continue;
    }
    double distance = 0.0, unit = 1.0, largest = 0.0;
    for (Index i = 0; i < n; ++i) {
      u[i] = -newton_.slope()[i];
      proximal_[i] = z[i] + v_ * (u[i] - multipliers_[i]);
      distance = std::max(distance, v_ * std::abs(u[i] - multipliers_[i]));
      unit = std::max(unit, std::abs(z[i]));
      largest = std::max(largest, std::abs(u[i]));
    }
    if (distance <= kReached * unit && distance <= kGapSettled * v_ * largest) break;
    if (distance <= kNearlyReached * unit && distance >= 0.5 * before) break;
    if (distance > kSlowOuter * before) v_ *= 0.1;
    v_ = std::max({v_, least, kLeastV / std::max(largest, kLeastV)});
    before = distance;
  }
  if (system.is_dual())
    for (Index i = 0; i < n; ++i) c[i] = u[i] / system.lambda();
  return outcome;
}

bool MarginFit::finish(OutputSystem& system, const Loss& loss, const double* labels, double* c,
                       const double* z, double* u, Outcome& outcome) {
  const Index n = system.rows(), size = system.coordinates();
  if (!loss.smooth()) {
    outcome.gap = gap(system, loss, labels, c, z, u);
    return false;
  }
  const double change = newton_.correct(system, LogisticRows(n, labels), c, z);
  const double* step = newton_.step();
  // Newton's estimate of how far down the minimum lies: half of the slope along the step.
  if (!std::isnan(outcome.gap))
    outcome.gap = std::max(0.0, 0.5 * newton_.descent(system)) / static_cast<double>(n);
  double unit = 1.0;
  for (Index i = 0; i < n; ++i) {
    u[i] = -newton_.slope()[i];
    unit = std::max(unit, std::abs(z[i]));
  }
  if (!(change > kCorrected * unit) || !std::isfinite(change)) return false;
  for (Index j = 0; j < size; ++j) c[j] += step[j];
  return true;
}

/// Fenchel's gap of a model and multipliers: the mean of l(z) + l*(-u) + u z, and what the model
/// lacks of being X'u / lambda.
double MarginFit::gap(const OutputSystem& system, const Loss& loss, const double* labels,
                      const double* c, const double* z, const double* u) {
  const Index n = system.rows(), size = system.coordinates();
  double *here = space_.data(), *there = here + n;
  loss.value(labels, z, n, here);
  loss.value(labels, proximal_.data(), n, there);
  double sum = 0.0;
  for (Index i = 0; i < n; ++i) sum += here[i] - there[i] + u[i] * (z[i] - proximal_[i]);
  for (Index i = 0; i < n; ++i) here[i] = -u[i];
  system.residual(c, here, residual_.data());
  if (!system.is_dual())
    sum += 0.5 * inner(size, residual_.data(), residual_.data()) / system.lambda();
  return sum / static_cast<double>(n);
}

}  // namespace overprune
