#include "theory/classes/first_training.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <optional>

#include "base/limits.hpp"
#include "base/pace.hpp"
#include "theory/classes/newton.hpp"
#include "theory/classes/rows.hpp"
#include "theory/dense_law.hpp"

namespace overprune::theory {
namespace {

constexpr double kEnough = 1e-13;
constexpr double kFlat = 1e-13;
constexpr double kStart = 10.0;  // ridges go down by this factor from one that is easy

/// Sums over the coordinates at an effective ridge: (1/n) sum a, (1/n) sum a^2, sum a E and
/// sum a^2 E of the energies E.
struct ShrunkSums {
  double b = 0.0, B = 0.0, signal = 0.0, square = 0.0;

  ShrunkSums(const Energies& energies, double n, double tau) {
    Pace pace;
    for (std::size_t j = 0; j < energies.value.size(); ++j) {
      pace(8);
      const double a = tau == 0.0 ? 1.0 : energies.value[j] / (energies.value[j] + tau);
      b += energies.weight[j] * a;
      B += energies.weight[j] * a * a;
      signal += energies.energy[j] * a;
      square += energies.energy[j] * a * a;
    }
    b /= n;
    B /= n;
  }
};

/// The square loss: ridge regression on the labels.
FirstTraining square_training(double field, const Energies& energies, double n, double ridge) {
  FirstTraining law;
  const double total = std::accumulate(energies.weight.begin(), energies.weight.end(), 0.0);
  law.tau = solve_tau(energies.value, energies.weight, total, n, ridge);
  const ShrunkSums sums(energies, n, law.tau);
  law.kappa = field > 0.0 ? std::sqrt(2.0 / std::numbers::pi / field) : 0.0;
  law.b = sums.b;
  law.Vh = spare_fraction(total - n, n, ridge, law.tau);
  double error = 0.0, share = law.Vh;
  const double all = std::accumulate(energies.energy.begin(), energies.energy.end(), 0.0);
  for (std::size_t j = 0; j < energies.value.size() && law.tau > 0.0; ++j) {
    const double d = law.tau / (energies.value[j] + law.tau);
    error += energies.energy[j] * d * d;
    share += energies.weight[j] * (1.0 - d) * d / n;
  }
  const double square = law.kappa * law.kappa;
  law.omega = inflate(1.0 - square * all + square * error, share);
  law.m = law.kappa * sums.signal;
  law.q = square * sums.square + law.omega * sums.B;
  law.converged = !std::isnan(law.q);  // infinite at as many features as samples
  return law;
}

/// Unknowns log V, log m - log q / 2 and log q; without a signal the second is left out.
class FirstEquations {
 public:
  FirstEquations(const Loss& loss, double field, const Energies& energies, double n)
      : loss_(loss), field_(field), energies_(energies), n_(n) {
    for (std::size_t j = 0; j < energies.value.size(); ++j) {
      signal_ += energies.energy[j];
      variance_ += energies.value[j] * energies.weight[j];
      largest_ = std::max(largest_, energies.value[j]);
    }
  }
  bool has_signal() const { return signal_ > 0.0 && field_ > 0.0; }

  /// The law whose V, m and q are in x, after one round of the map; where that leads.
  bool step(const Unknowns<3>& x, double ridge, FirstTraining& law, Unknowns<3>& out) const {
    const double V = std::exp(x[0]), q = std::exp(x[2]),
                 m = has_signal() ? std::exp(x[1] + 0.5 * x[2]) : 0.0;
    const FirstPush push = first_push(loss_, field_, {m, q, V});
    if (!(push.Vh >= 0.0) || !(push.qh > 0.0) || !std::isfinite(push.mh + push.qh + push.Vh))
      return false;
    // Where all rows push alike, as they do on a hinge of a large ridge, there is no curvature.
    const double Vh = std::max(push.Vh, kFlat * ridge / largest_), tau = ridge / Vh;
    const ShrunkSums sums(energies_, n_, tau);
    law = {push.mh / Vh, push.qh / (Vh * Vh), tau, Vh, sums.b, m, q, false};
    const double q_next = law.kappa * law.kappa * sums.square + law.omega * sums.B,
                 m_next = law.kappa * sums.signal;
    if (has_signal() && !(m_next > 0.0)) return false;
    out = {std::log(sums.b / Vh), has_signal() ? std::log(m_next) - 0.5 * std::log(q_next) : 0.0,
           std::log(q_next)};
    return std::isfinite(out[0] + out[1] + out[2]);
  }
  std::optional<Unknowns<3>> residual(const Unknowns<3>& x, double ridge) const {
    FirstTraining law;
    Unknowns<3> out{};
    if (!step(x, ridge, law, out)) return std::nullopt;
    return Unknowns<3>{out[0] - x[0], has_signal() ? out[1] - x[1] : -x[1], out[2] - x[2]};
  }
  /// The model of a large ridge, for which all rows push as hard as at f = 0.
  bool start(double ridge, Unknowns<3>& x) const {
    const double pull = has_signal() ? 0.4 / std::sqrt(field_) / ridge : 0.0;
    double square = 0.0, m = 0.0;
    for (std::size_t j = 0; j < energies_.value.size(); ++j) {
      const double lam = energies_.value[j];
      m += pull * lam * energies_.energy[j];
      square += pull * pull * lam * lam * energies_.energy[j] +
                0.25 / (ridge * ridge * n_) * lam * lam * energies_.weight[j];
    }
    x = {std::log(variance_ / (n_ * ridge)),
         has_signal() ? std::log(m) - 0.5 * std::log(square) : 0.0, std::log(square)};
    return std::isfinite(x[0] + x[1] + x[2]);
  }
  /// The ridge at which models hardly see their data.
  double easy() const { return std::max(largest_, variance_ / n_); }

 private:
  const Loss& loss_;
  double field_;
  const Energies& energies_;
  double n_, signal_ = 0.0, variance_ = 0.0, largest_ = 0.0;
};

/// Goes from an easy ridge to the one wanted, in shorter steps where one fails.
bool follow(const FirstEquations& equations, double ridge, Unknowns<3>& x) {
  double at = std::max(ridge, equations.easy());
  if (!equations.start(at, x)) return false;
  const auto solve = [&](double strength, Unknowns<3>& from) {
    return solve_by_newton<3>([&](const Unknowns<3>& y) { return equations.residual(y, strength); },
                              from, kEnough)
        .converged;
  };
  if (!solve(at, x)) return false;
  const double last = ridge > 0.0 ? ridge : 1e-9 * at;
  double factor = kStart;
  while (at > last) {
    const double next = std::max(last, at / factor);
    Unknowns<3> tried = x;
    if (solve(next, tried)) {
      x = tried;
      at = next;
      factor = std::min(kStart, factor * factor);
    } else {
      factor = std::sqrt(factor);
      if (factor < 1.01) return false;
    }
  }
  return ridge > 0.0 || solve(0.0, x);
}

}  // namespace

FirstTraining solve_first_training(const Loss& loss, double field, const Energies& energies,
                                   double n, double ridge) {
  if (loss.is(NamedLoss::square)) return square_training(field, energies, n, ridge);
  FirstTraining law;
  if (energies.value.empty()) {
    law.converged = true;
    return law;
  }
  const FirstEquations equations(loss, field, energies, n);
  Unknowns<3> x{}, next{};
  const bool found = follow(equations, ridge, x);
  if (found && equations.step(x, ridge, law, next)) {
    law.converged = true;
    return law;
  }
  law.kappa = law.omega = law.tau = law.Vh = law.b = law.m = law.q = kNaN;
  return law;
}

}  // namespace overprune::theory
