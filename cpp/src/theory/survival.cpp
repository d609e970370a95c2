// The support that pruning leaves: the probability of each feature, and how much of the truth's own
// it holds.
#include <algorithm>
#include <cmath>

#include "base/check.hpp"
#include "base/limits.hpp"
#include "base/normal.hpp"
#include "overprune/theory.hpp"
#include "problem/piecewise.hpp"
#include "theory/rule_scores.hpp"
#include "theory/selection.hpp"
#include "theory/survival.hpp"

namespace overprune {
namespace {

using theory::Atoms;
using theory::Kept;

/// P(|g z + h| > T and |z| > start) for independent standard normals z and h.
double both(double start, double g, double T) {
  static const QuadratureRule rule = gauss_legendre(16);
  // h decides near z = T / g, within a few 1 / g; nothing happens beyond z = 9 after the start.
  const double end = start + 9.0;
  std::vector<double> breaks;
  for (int i = 0; i <= 18; ++i) breaks.push_back(start + 0.5 * i);
  if (g > 0.0)
    for (int i = -8; i <= 8; ++i) breaks.push_back(std::clamp((T + i) / g, start, end));
  std::sort(breaks.begin(), breaks.end());
  double sum = 0.0;
  for (std::size_t i = 1; i < breaks.size(); ++i) {
    const double middle = 0.5 * (breaks[i - 1] + breaks[i]),
                 half = 0.5 * (breaks[i] - breaks[i - 1]);
    for (std::size_t j = 0; j < rule.nodes.size(); ++j) {
      const double z = middle + half * rule.nodes[j];
      sum += 2.0 * half * rule.weights[j] * std::exp(-0.5 * z * z) *
             (normal::upper_tail(T - g * z) + normal::upper_tail(T + g * z));
    }
  }
  return sum * (2.0 / normal::kRootTwoPi);
}

/// The first k features of a problem, trained and pruned to s by a rule, and by the truth.
class PrunedGroups {
 public:
  PrunedGroups(const theory::Features& features, double n, double k, double s, Rule rule,
               double ridge)
      : features_(features), n_(n), k_(k), s_(s), rule_(rule) {
    theory::Growing(features).grow(k, atoms_);
    law_ = theory::dense_law(atoms_, n, ridge);
    theory::Selection(features, atoms_, law_, n, k, rule).keep(s, kept_);
    theory::Selection(features, atoms_, law_, n, k, Rule::oracle).keep(s, truth_);
  }

  double threshold() const { return kept_.threshold; }

  /// Of each run, or of each feature where they came one by one.
  std::vector<double> probability() const {
    std::vector<double> result;
    double start = 0.0;
    double left = kept_.places;  // the oracle gives those at its threshold to the first in line
    for (Index run = 0; run < features_.runs(); ++run) {
      const auto [atom, whole] = features_.run(run);
      const double count = std::clamp(k_ - start, 0.0, whole);  // trained
      start += whole;
      double share = count == 0.0 ? 0.0 : atom >= 0 ? kept_.share[atom] : silent_share(kept_);
      double taken = share * count;
      const bool queue = count > 0.0 && in_line(atom);
      if (queue) {
        taken = std::min(left, count);
        left -= taken;
        share = taken / count;
      }
      if (!features_.is_finite()) {
        result.push_back(share * (count / whole));
      } else {
        for (double i = 0.0; i < whole; i += 1.0)
          result.push_back(i >= count ? 0.0 : queue ? (i < taken ? 1.0 : 0.0) : share);
      }
    }
    return result;
  }

  /// The expected share of the truth's own support that survives.
  double overlap() const {
    if (traits(rule_).needs_truth) return 1.0;
    double sum = silent() * silent_share(kept_) * silent_share(truth_);
    for (std::size_t i = 0; i < atoms_.size(); ++i) sum += atoms_.count[i] * both_keep(i);
    return std::min(sum / s_, 1.0);
  }

 private:
  double silent() const { return std::max(k_ - atoms_.total, 0.0); }  // features without variance
  /// Those that rules on the model keep when nothing else is left, or random by chance.
  double silent_share(const Kept& of) const {
    return silent() > 0.0 ? std::clamp((s_ - of.total) / silent(), 0.0, 1.0) : 0.0;
  }
  bool is_gaussian(std::size_t atom) const { return atoms_.gaussian && atoms_.gaussian[atom]; }
  bool in_line(Index atom) const {
    if (!kept_.in_line) return false;
    return atom < 0 ? kept_.threshold == 0.0
                    : atoms_.signal[atom] == kept_.threshold && !is_gaussian(atom);
  }
  /// The probability that the rule and the truth keep a coordinate of the atom.
  double both_keep(std::size_t i) const {
    if (is_gaussian(i) && kept_.selected) {
      const double scale = std::sqrt(law_.risk / n_);
      const double ratio = theory::white_weight(rule_, atoms_.eigenvalue[i]) / law_.a[i];
      return both(truth_.threshold / atoms_.signal[i], atoms_.signal[i] / scale,
                  kept_.threshold * ratio / scale);
    }
    if (is_gaussian(i) && !traits(rule_).needs_seed && law_.risk < kInfinity)
      return std::min(kept_.share[i], truth_.share[i]);  // both keep the largest |beta|
    return kept_.share[i] * truth_.share[i];
  }

  const theory::Features& features_;
  double n_, k_, s_;
  Rule rule_;
  Atoms atoms_;
  theory::DenseLaw law_;
  Kept kept_, truth_;
};

}  // namespace

GroupedSurvival survival(const GroupedFeatures& grouped, double n, double size, double nonzeros,
                         Rule rule, double ridge) {
  const theory::Features& features = grouped.features();
  check_cuts(rule, "survival");
  check_grid(RealGrid{{size}, {nonzeros}, {rule}, true, ridge, 0.0}, features.size());
  if (!(n > 0.0) || !std::isfinite(n)) check::fail("n must be finite and above 0, got ", n);
  if (nonzeros > size) check::fail("nonzeros must be at most size ", size, ", got ", nonzeros);
  const double k = std::min(size, features.size());
  const PrunedGroups pruned(features, n, k, std::min(nonzeros, k), rule, ridge);
  GroupedSurvival result;
  result.threshold = pruned.threshold();
  result.probability = pruned.probability();
  result.overlap = pruned.overlap();
  for (const double probability : result.probability)
    if (std::isnan(probability)) check::out_of_range("survival", size);
  if (std::isnan(result.overlap)) check::out_of_range("survival", size);
  return result;
}

namespace theory {

void independent_survival(const FirstStage& first, Rule rule, double ridge, const Indices& nonzeros,
                          const SurvivalVisit& visit) {
  const LinearGaussianProblem& problem = first.problem;
  const Index k = problem.features();
  const GroupedFeatures features(problem.variances(),
                                 {problem.beta().data, k, problem.beta().row_stride},
                                 problem.noise_std());
  for (std::size_t s = 0; s < nonzeros.size(); ++s) {
    GroupedSurvival found = overprune::survival(features, first.n, static_cast<double>(k),
                                                static_cast<double>(nonzeros[s]), rule, ridge);
    // Of features without variance, which have coefficient 0, the first ones survive.
    Index left = nonzeros[s] - first.basis.rank();
    for (Index i = 0; i < k; ++i)
      if (problem.variances()(i) == 0.0) found.probability[i] = left-- > 0 ? 1.0 : 0.0;
    visit(static_cast<Index>(s), found.threshold, found.probability);
  }
}

}  // namespace theory
}  // namespace overprune
