#include "theory/classes/independent_labels.hpp"

#include <cmath>

#include "base/limits.hpp"

namespace overprune::theory {

TrainedAtoms::TrainedAtoms(const Features& features, double field, double n, double k,
                           const Loss& loss, double ridge)
    : features_(features), field_(field), n_(n), k_(std::min(k, features.size())), loss_(loss) {
  Growing(features).grow(k_, atoms_);
  for (std::size_t i = 0; i < atoms_.size(); ++i)
    energies_.add(atoms_.eigenvalue[i], atoms_.count[i],
                  atoms_.count[i] * atoms_.signal[i] * atoms_.signal[i]);
  first_ = solve_first_training(loss, field, energies_, n, ridge);
  scaled_ = atoms_;
  law_.tau = first_.tau;
  law_.risk = first_.omega;
  for (std::size_t i = 0; i < atoms_.size(); ++i) {
    signal_.push_back(first_.kappa * atoms_.signal[i]);
    coefficient_.push_back(first_.kappa * atoms_.coefficient[i]);
    const double sum = atoms_.eigenvalue[i] + first_.tau;
    law_.a.push_back(first_.tau == 0.0 ? 1.0 : atoms_.eigenvalue[i] / sum);
    law_.d.push_back(first_.tau == 0.0 ? 0.0 : first_.tau / sum);
  }
  scaled_.signal = signal_.data();
  scaled_.coefficient = coefficient_.data();
}

void TrainedAtoms::select(Rule rule) {
  selection_ = std::make_unique<Selection>(features_, scaled_, law_, n_, k_, rule);
}

void TrainedAtoms::keep(double s) { selection_->keep(s, kept_); }

std::pair<double, double> TrainedAtoms::pruned() const {
  const double spread = first_.omega / n_, kappa = first_.kappa;
  const double* in = kept_.signal_kept();
  double m = 0.0, q = 0.0;
  for (std::size_t i = 0; i < atoms_.size(); ++i) {
    const double a = law_.a[i], w = atoms_.count[i], u = scaled_.signal[i];
    const double drift = kept_.selected ? spread * kept_.drift[i] : 0.0;
    m += w * a * (u * u * in[i] + drift);
    q += w * a * a * (u * u * in[i] + 2.0 * drift + spread * (kept_.share[i] + kept_.excess[i]));
  }
  return {kappa > 0.0 ? m / kappa : 0.0, q};
}

Supports TrainedAtoms::supports() const {
  const double spread = first_.omega / n_, kappa = first_.kappa;
  const double* in = kept_.signal_kept();
  Supports supports;
  for (std::size_t i = 0; i < atoms_.size(); ++i) {
    const double lam = atoms_.eigenvalue[i], w = lam * atoms_.count[i], s = atoms_.signal[i],
                 a = law_.a[i];
    if (kept_.share[i] == 0.0) continue;
    const double uu = w * s * s * in[i],
                 ue = kappa > 0.0 ? w * spread * kept_.drift[i] / kappa : 0.0,
                 ee = w * spread * (kept_.share[i] + kept_.excess[i]);
    supports.add(lam, atoms_.count[i] * kept_.share[i],
                 {uu, ue, ee, a * (kappa * uu + ue), a * (kappa * ue + ee),
                  a * a * (kappa * (kappa * uu + 2.0 * ue) + ee)});
  }
  return supports;
}

/// A support that does not depend on the data: trained on it as if it were the first time.
SecondTraining TrainedAtoms::trained_on(const Energies& energies, double ridge) const {
  const FirstTraining again = solve_first_training(loss_, field_, energies, n_, ridge);
  SecondTraining law;
  law.tau = again.tau;
  law.Vh = again.Vh;
  law.kappa = again.kappa;
  law.residual = again.omega;
  law.m = again.m;
  law.q = again.q;
  law.converged = again.converged;
  return law;
}

SecondTraining TrainedAtoms::remembering(double ridge) const {
  SecondTraining start;
  const auto [m, q] = pruned();
  start.m = m;
  start.q = start.q12 = q;
  return solve_second_training(loss_, field_, first_, supports(), n_, ridge, start);
}

SecondTraining TrainedAtoms::retrained(double ridge) const {
  if (kept_.selected) return remembering(ridge);
  Energies energies;
  const double* in = kept_.signal_kept();
  for (std::size_t i = 0; i < atoms_.size(); ++i)
    if (kept_.share[i] > 0.0)
      energies.add(atoms_.eigenvalue[i], atoms_.count[i] * kept_.share[i],
                   energies_.energy[i] * in[i]);
  return trained_on(energies, ridge);
}

}  // namespace overprune::theory
