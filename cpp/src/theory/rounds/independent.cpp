// Pruning in rounds of independent features, by Gaussian paths of single coordinates.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "overprune/random.hpp"
#include "theory/rounds/paths.hpp"
#include "theory/rule_scores.hpp"

namespace overprune::theory {
namespace {

class IndependentSchedule final : public ScheduleMethod {
 public:
  IndependentSchedule(const LinearGaussianProblem& problem, double n, const Schedule& schedule,
                      Rule rule, std::uint64_t seed)
      : schedule_(schedule),
        n_(n),
        rule_(rule),
        seed_(seed),
        atoms_(schedule_atoms(problem, schedule.size)) {
    // Features of no variance have coefficient 0 and go first: a round that drops no other prunes
    // nothing.
    double before = atoms_.total;
    for (const Index s : schedule.nonzeros) {
      const double number = std::min(static_cast<double>(s), atoms_.total);
      nothing_.push_back(number == before &&
                         (!nothing_.empty() || schedule.ridge == schedule.retrain_ridge));
      if (!nothing_.back()) ++active_;
      before = number;
    }
  }

  bool exact() const override { return active_ <= 1; }
  Index first_draws() const override {
    constexpr double kPaths = 1 << 17;
    return static_cast<Index>(kPaths / std::max(atoms_.total, 1.0)) + 64;
  }
  Index most_draws() const override { return 64 * first_draws(); }

  Rounds run(Index first, Index count, const ForEach&, const Poll& poll) const override {
    const DenseLaw law = dense_law(atoms_.view(), n_, schedule_.ridge);
    std::vector<char> certain = certain_atoms(law);
    while (true) {
      const Rounds risks = run(first, count, poll, law, certain);
      if (!risks.pruned.empty()) return risks;
    }
  }

 private:
  /// @param certain  atoms held to survive all rounds; those that do not are taken out, and then
  /// there are no risks
  Rounds run(Index first, Index count, const Poll& poll, const DenseLaw& law,
             std::vector<char>& certain) const {
    Paths paths(atoms_, certain, points(count), active_, start(law.tau, certain));
    Rounds risks{{law.risk}, {law.risk}};
    double tau = law.tau;
    Index round = 0;
    for (std::size_t t = 0; t < schedule_.nonzeros.size(); ++t) {
      if (nothing_[t]) {
        risks.pruned.push_back(risks.retrained.back());
        risks.retrained.push_back(risks.retrained.back());
        continue;
      }
      const double s = std::min(static_cast<double>(schedule_.nonzeros[t]), atoms_.total);
      const std::vector<double> ratio = threshold_ratios(tau);
      const double threshold = s < atoms_.total ? paths.threshold(ratio, s, poll) : 0.0;
      if (lose(paths.lost(ratio, threshold), certain)) return {};
      const double next_tau = solve_tau(atoms_.eigenvalue, paths.survivors(ratio, threshold), s, n_,
                                        schedule_.retrain_ridge);
      Forms forms = paths.forms(ratio, threshold, tau, next_tau);
      if (next_tau == 0.0) forms.first_trace = forms.second_trace = s;
      const bool diverged = std::isinf(risks.retrained.back());
      risks.pruned.push_back(diverged ? risks.retrained.back()
                                      : atoms_.noise + std::max(forms.pruned, 0.0));
      paths.advance(ratio, threshold, tau, forms, Lattice(*this, first, round));
      risks.retrained.push_back(paths.evolution().latest().risk);
      tau = next_tau;
      ++round;
    }
    return risks;
  }

  /// Atoms whose field lies above any threshold of the last round in the dense model.
  std::vector<char> certain_atoms(const DenseLaw& law) const {
    double signal = 0.0;
    for (std::size_t a = 0; a < atoms_.size(); ++a)
      signal += atoms_.count[a] * atoms_.signal[a] * atoms_.signal[a];
    if (!std::isfinite(law.risk) || !far_above(signal, atoms_.noise))
      return std::vector<char>(atoms_.size(), 0);
    const std::vector<double> ratio = threshold_ratios(law.tau);
    const double spread = kBeyond * std::sqrt(law.risk / n_);
    ScoreBounds bounds;
    for (std::size_t a = 0; a < atoms_.size(); ++a)
      bounds.add((atoms_.signal[a] - spread) / ratio[a], (atoms_.signal[a] + spread) / ratio[a],
                 atoms_.count[a]);
    return bounds.certain(static_cast<double>(schedule_.nonzeros.back()));
  }

  static bool lose(const std::vector<char>& lost, std::vector<char>& certain) {
    bool any = false;
    for (std::size_t a = 0; a < lost.size(); ++a)
      if (lost[a]) {
        certain[a] = 0;
        any = true;
      }
    return any;
  }

  /// A randomly shifted point set for each atom: evenly spaced in the first round, multiples of the
  /// powers of a generalised golden ratio (Roberts' sequence) in those after it.
  class Lattice {
   public:
    Lattice(const IndependentSchedule& own, Index first, Index round)
        : round_(round), shift_(own.atoms_.size()) {
      if (own.exact()) return;
      const Index atoms = static_cast<Index>(shift_.size());
      uniform({own.seed_, static_cast<std::uint64_t>(first), Purpose::paths},
              static_cast<std::uint64_t>(round * atoms), atoms, shift_.data());
      // The root of x^(d + 1) = x + 1 for the d rounds that follow the first.
      const double d = static_cast<double>(std::max<Index>(own.active_ - 2, 1));
      double ratio = 1.5;
      for (int i = 0; i < 60; ++i) ratio = std::pow(1.0 + ratio, 1.0 / (d + 1.0));
      step_ = std::pow(ratio, -static_cast<double>(round));
    }
    /// Point j of the `points` of an atom, in (0, 1).
    double operator()(std::size_t atom, Index j, Index points) const {
      const double step = round_ == 0 ? 1.0 / static_cast<double>(points) : step_;
      const double x = shift_[atom] + static_cast<double>(j) * step;
      return std::clamp(x - std::floor(x), 1e-15, 1.0 - 1e-15);
    }

   private:
    Index round_;
    double step_ = 0.0;
    std::vector<double> shift_;
  };

  Evolution start(double tau, const std::vector<char>& certain) const {
    double signal = 0.0, error = atoms_.noise,
           share = spare_fraction(atoms_.total - n_, n_, schedule_.ridge, tau);
    double overlap = 0.0;
    for (std::size_t i = 0; i < atoms_.size(); ++i) {
      const double sum = atoms_.eigenvalue[i] + tau, a = atoms_.eigenvalue[i] / sum, d = tau / sum;
      const double square = atoms_.count[i] * atoms_.signal[i] * atoms_.signal[i];
      if (!certain[i]) {
        signal += square;
        overlap -= d * square;
      }
      error += d * d * square;
      share += atoms_.count[i] / n_ * a * d;
    }
    return {n_,    OwnedMatrix(atoms_.noise), OwnedMatrix(signal), OwnedMatrix(error),
            share, OwnedMatrix(overlap)};
  }

  /// Paths of each atom: so many for every coordinate in it, since that is what its sums vary with.
  Indices points(Index count) const {
    Indices result;
    for (const double coordinates : atoms_.count)
      result.push_back(exact() ? 1 : count * static_cast<Index>(coordinates));
    return result;
  }

  std::vector<double> threshold_ratios(double tau) const {
    std::vector<double> r;
    for (const double lam : atoms_.eigenvalue)
      r.push_back((lam + tau) / half_power(lam, 1 + traits(rule_).curvature_power));
    return r;
  }

  const Schedule& schedule_;
  double n_;
  Rule rule_;
  std::uint64_t seed_;
  ScheduleAtoms atoms_;
  std::vector<char> nothing_;  // (T) rounds that prune nothing
  Index active_ = 0;           // the others
};

}  // namespace

std::unique_ptr<ScheduleMethod> independent_schedule(const LinearGaussianProblem& problem, double n,
                                                     const Schedule& schedule, Rule rule,
                                                     std::uint64_t seed) {
  return std::make_unique<IndependentSchedule>(problem, n, schedule, rule, seed);
}

}  // namespace overprune::theory
