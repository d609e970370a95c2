// The support that pruning leaves: the probability of each feature, and how much of the truth's own
// it holds.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.hpp"
#include "base/normal.hpp"
#include "overprune/theory.hpp"
#include "problem/piecewise.hpp"
#include "theory/selection.hpp"
#include "theory/survival.hpp"

namespace overprune {
namespace {

using theory::Atoms;
using theory::Kept;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

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

}  // namespace

GroupedSurvival survival(const GroupedFeatures& grouped, double n, double size, double nonzeros,
                         Rule rule, double ridge) {
  const theory::Features& features = grouped.features();
  check_grid(RealGrid{{size}, {nonzeros}, {rule}, true, ridge, 0.0}, features.size());
  if (!(n > 0.0) || !std::isfinite(n)) check::fail("n must be finite and above 0, got ", n);
  if (nonzeros > size) check::fail("nonzeros must be at most size ", size, ", got ", nonzeros);
  const double k = std::min(size, features.size()), s = std::min(nonzeros, k);
  Atoms atoms;
  theory::Growing(features).grow(k, atoms);
  const theory::DenseLaw law = theory::dense_law(atoms, n, ridge);
  Kept kept, truth;
  theory::Selection(features, atoms, law, n, k, rule).keep(s, kept);
  theory::Selection(features, atoms, law, n, k, Rule::oracle).keep(s, truth);

  const double unvaried = std::max(k - atoms.total, 0.0);
  // Those that magnitude and hessian keep when nothing else is left, or random by chance.
  const auto silent_share = [&](const Kept& of) {
    return unvaried > 0.0 ? std::clamp((s - of.total) / unvaried, 0.0, 1.0) : 0.0;
  };
  GroupedSurvival result;
  result.threshold = kept.threshold;
  // The oracle gives the places left at its threshold to the first in line.
  double left = kept.places;
  const auto in_line = [&](Index atom) {
    if (!kept.in_line) return false;
    return atom < 0
               ? kept.threshold == 0.0
               : atoms.signal[atom] == kept.threshold && !(atoms.gaussian && atoms.gaussian[atom]);
  };
  double start = 0.0;
  for (Index run = 0; run < features.runs(); ++run) {
    const auto [atom, whole] = features.run(run);
    const double count = std::clamp(k - start, 0.0, whole);  // trained
    start += whole;
    double share = count == 0.0 ? 0.0 : atom >= 0 ? kept.share[atom] : silent_share(kept);
    double taken = share * count;
    const bool queue = count > 0.0 && in_line(atom);
    if (queue) {
      taken = std::min(left, count);
      left -= taken;
      share = taken / count;
    }
    if (!features.is_finite()) {
      result.probability.push_back(share * (count / whole));
    } else {
      for (double i = 0.0; i < whole; i += 1.0)
        result.probability.push_back(i >= count ? 0.0 : queue ? (i < taken ? 1.0 : 0.0) : share);
    }
  }

  double overlap = unvaried * silent_share(kept) * silent_share(truth);
  for (std::size_t i = 0; i < atoms.size(); ++i) {
    double share = kept.share[i] * truth.share[i];
    if (atoms.gaussian && atoms.gaussian[i] && kept.selected) {
      const double scale = std::sqrt(law.risk / n), root = std::sqrt(atoms.eigenvalue[i]);
      const double ratio = (rule == Rule::magnitude ? root : 1.0) / law.a[i];
      share = both(truth.threshold / atoms.signal[i], atoms.signal[i] / scale,
                   kept.threshold * ratio / scale);
    } else if (atoms.gaussian && atoms.gaussian[i] && rule != Rule::random &&
               law.risk < kInfinity) {
      share = std::min(kept.share[i], truth.share[i]);  // both keep the largest |beta|
    }
    overlap += atoms.count[i] * share;
  }
  result.overlap = rule == Rule::oracle ? 1.0 : std::min(overlap / s, 1.0);
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
