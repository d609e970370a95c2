#include "solve/newton_fit.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace overprune {
namespace {

/// A step larger than this times the one before asks for the Hessian where it is now.
constexpr double kSlow = 0.2;
/// What is lost to rounding, relative to the outputs.
constexpr double kLost = 1e-14;
/// A step below this, relative to the outputs, that no longer shrinks is rounding.
constexpr double kSmall = 1e-10;
/// A step that had to be shortened to less than this was a bad one.
constexpr double kShort = 0.5;
constexpr int kMostTrials = 60;

double largest(const std::vector<double>& values, Index count) {
  double most = 0.0;
  for (Index i = 0; i < count; ++i) {
    if (std::isnan(values[i])) return values[i];
    most = std::max(most, std::abs(values[i]));
  }
  return most;
}

double size_of_outputs(const double* z, Index n) {
  double most = 1.0;
  for (Index i = 0; i < n; ++i) most = std::max(most, std::abs(z[i]));
  return most;
}

/// Whether a change, the one to come or both are lost to rounding, or no longer shrink.
bool is_rounding(double change, double coming, double least, double unit) {
  return std::min(change, coming) <= kLost * unit ||
         (change <= kSmall * unit && change >= 0.5 * least);
}

bool separates(const double* labels, const double* z, Index n) {
  for (Index i = 0; i < n; ++i)
    if (!(labels[i] * z[i] > 0.0)) return false;
  return true;
}

}  // namespace

void NewtonFit::resize(const OutputSystem& system) {
  for (auto* values : {&slope_, &curvature_, &move_, &trial_}) values->resize(system.rows());
  for (auto* values : {&residual_, &step_}) values->resize(system.coordinates());
}

void NewtonFit::need(Index n, Index coordinates, MemoryNeed& need) {
  need.hold(4 * n + 2 * coordinates);
}

/// The step for the residual, and the largest change of an output.
double NewtonFit::propose(OutputSystem& system) {
  system.step(residual_.data(), step_.data(), move_.data());
  return largest(move_, system.rows());
}

/// Proposes a step by the last factor while it serves, else by that of the Hessian at z.
/// @param before  the last change where its factor still serves, else 0
/// @return whether the factor is new
bool NewtonFit::renew(OutputSystem& system, const double* z, double before, bool cautious,
                      Outcome& outcome) {
  if (before > 0.0) {
    outcome.change = propose(system);
    if (outcome.change <= kSlow * before) return false;
  }
  if (cautious) raise_curvature(z);
  system.factor(curvature_.data());
  ++outcome.factors;
  outcome.change = propose(system);
  return true;
}

/// Far out on the steep side of a loss its curvature tells nothing, and a step leads astray. What
/// would bring the slope to zero at an output near zero does better there.
void NewtonFit::raise_curvature(const double* z) {
  for (std::size_t i = 0; i < curvature_.size(); ++i)
    curvature_[i] = std::max(curvature_[i], std::abs(slope_[i]) / (1.0 + std::abs(z[i])));
}

/// A length t of the step at which the objective's slope along it is small beside that at 0, or
/// still falls; slopes and curvatures are those of that point. The slope rises with t, as the
/// objective is convex.
double NewtonFit::search(const OutputSystem& system, const RowLosses& losses, const double* c,
                         const double* z) {
  const Index n = system.rows();
  const double linear = system.ridge_slope(c, z, step_.data()),
               quadratic = system.ridge_slope(step_.data(), move_.data(), step_.data());
  const double start = inner(n, slope_.data(), move_.data()) + linear;
  double t = 1.0, low = 0.0, low_slope = start, high = 0.0;
  for (int trial = 0; trial < kMostTrials; ++trial) {
    for (Index i = 0; i < n; ++i) trial_[i] = z[i] + t * move_[i];
    losses.at(trial_.data(), slope_.data(), curvature_.data());
    const double slope = inner(n, slope_.data(), move_.data()) + linear + t * quadratic;
    if (!(start < 0.0)) return t;  // rounding
    const bool falls = slope <= 0.0;
    if (falls ? (t == 1.0 || slope >= 0.5 * start) : slope <= -0.5 * start) return t;
    (falls ? low : high) = t;
    if (falls) low_slope = slope;
    // Where the line through both slopes is zero, but well inside.
    const double root = falls || !std::isfinite(slope)
                            ? 0.5 * (low + high)
                            : low + (t - low) * low_slope / (low_slope - slope);
    t = std::clamp(root, low + 0.1 * (high - low), low + 0.9 * (high - low));
  }
  return t;
}

// Newton's step from a model with these outputs, whatever its coordinates are: where it ends
// depends on the outputs alone.
void NewtonFit::begin(OutputSystem& system, const RowLosses& losses, double* c, double* z) {
  const Index n = system.rows(), size = system.coordinates();
  resize(system);
  losses.at(z, slope_.data(), curvature_.data());
  system.factor(curvature_.data());
  for (Index i = 0; i < n; ++i) slope_[i] -= curvature_[i] * z[i];
  std::fill_n(c, size, 0.0);
  system.residual(c, slope_.data(), residual_.data());
  system.step(residual_.data(), c, z);
}

NewtonFit::Outcome NewtonFit::run(OutputSystem& system, const RowLosses& losses,
                                  const double* labels, double* c, double* z, Index most,
                                  const Poll& poll) {
  const Index n = system.rows(), size = system.coordinates();
  resize(system);
  Outcome outcome;
  losses.at(z, slope_.data(), curvature_.data());
  double before = 0.0;  // the last change where its factor still serves, else 0
  double least = std::numeric_limits<double>::infinity();
  bool cautious = false;
  for (Index step = 0; step < most; ++step) {
    poll_now(poll);
    system.residual(c, slope_.data(), residual_.data());
    const bool fresh = renew(system, z, before, cautious, outcome);
    if (!std::isfinite(outcome.change)) return outcome;
    const double t = search(system, losses, c, z), change = outcome.change,
                 unit = size_of_outputs(z, n);
    for (Index j = 0; j < size; ++j) c[j] += t * step_[j];
    for (Index i = 0; i < n; ++i) z[i] += t * move_[i];
    outcome.unbounded = labels && system.lambda() == 0.0 && separates(labels, z, n);
    // The next change is below this one's square, or falls at the rate seen last.
    const double rate = fresh ? std::min(1.0, change) : change / before;
    outcome.settled =
        !outcome.unbounded && is_rounding(change, t == 1.0 ? change * rate : change, least, unit);
    if (outcome.settled || outcome.unbounded) return outcome;
    least = std::min(least, change);
    before = t == 1.0 && change < 1.0 ? change : 0.0;
    cautious = t < kShort;
  }
  return outcome;
}

double NewtonFit::correct(OutputSystem& system, const RowLosses& losses, const double* c,
                          const double* z) {
  losses.at(z, slope_.data(), curvature_.data());
  system.residual(c, slope_.data(), residual_.data());
  return propose(system);
}

// The gradient is the residual in coordinates theta, and X' times it in coordinates a.
double NewtonFit::descent(const OutputSystem& system) const {
  return -inner(system.coordinates(), residual_.data(),
                system.is_dual() ? move_.data() : step_.data());
}

}  // namespace overprune
