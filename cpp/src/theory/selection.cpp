#include "theory/selection.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/limits.hpp"
#include "base/normal.hpp"
#include "base/pace.hpp"
#include "base/root.hpp"
#include "kernels/table.hpp"
#include "theory/rule_scores.hpp"

namespace overprune::theory {
namespace {

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

/// Shares of the signal of a Gaussian atom whose coefficients survive beyond t standard deviations.
struct Beyond {
  double share, dropped, signal_kept, signal_dropped;
};
Beyond beyond(double t) {
  const double share = normal::outside(t), dropped = normal::inside(t);
  const double excess = t < 40.0 ? 2.0 * t * normal::density(t) : 0.0;
  return {share, dropped, share + excess, normal::inner_square(t, dropped, excess)};
}

/// Which coordinates a threshold on a known score keeps: fixed atoms wholly, those at the threshold
/// in part, Gaussian ones beyond it.
struct Cut {
  double threshold = 0.0;
  double left = 0.0;   ///< places for the atoms at the threshold
  double tied = 0.0;   ///< their number, 0 if there are none
  double among = 0.0;  ///< relative width of "at the threshold"

  bool above(double score) const { return score > threshold * (1.0 + among); }
  bool at(double score) const {
    return tied > 0.0 && !above(score) && score >= threshold * (1.0 - among);
  }
};

/// Known scores in falling order: of equal ones the number, and how many are larger.
struct Ranking {
  struct Group {
    double score, before, tied;
  };
  std::vector<Group> groups;           // of fixed atoms
  double fixed = 0.0;                  // coordinates in the groups
  std::vector<double> count, inverse;  // Gaussian atoms: coordinates, 1 / score
  double gaussians = 0.0;              // coordinates in them

  /// Expected number of Gaussian coordinates beyond a threshold.
  double beyond(double threshold) const {
    double number = 0.0;
    Pace pace;
    for (std::size_t i = 0; i < inverse.size(); ++i, pace(8))
      number += count[i] * normal::outside(threshold * inverse[i]);
    return number;
  }
};

/// @param order   atoms by falling score; some may be missing from `count`
/// @param silent  features without variance, whose score is 0
Ranking rank(const std::vector<double>& count, const double* score, const char* gaussian,
             const Indices& order, double silent, double s, double among) {
  Ranking ranking;
  std::vector<Ranking::Group>& groups = ranking.groups;
  double& fixed = ranking.fixed;
  Pace pace;
  for (const Index a : order) {
    pace(2);
    if (a >= static_cast<Index>(count.size())) continue;
    if (gaussian && gaussian[a]) {
      ranking.count.push_back(count[a]);
      ranking.inverse.push_back(1.0 / score[a]);
      ranking.gaussians += count[a];
      continue;
    }
    if (groups.empty() || score[a] < groups.back().score * (1.0 - among)) {
      if (!gaussian && fixed >= s) break;
      groups.push_back({score[a], fixed, 0.0});
    }
    groups.back().tied += count[a];
    fixed += count[a];
  }
  if (silent > 0.0 &&
      (gaussian || fixed < s)) {  // features without variance compete with those without signal
    if (groups.empty() || groups.back().score > 0.0) groups.push_back({0.0, fixed, 0.0});
    groups.back().tied += silent;
    fixed += silent;
  }
  return ranking;
}

/// The s largest scores of a ranking.
Cut cut(const Ranking& ranking, double s, double among) {
  // The first group that does not survive whole.
  const auto group = std::partition_point(
      ranking.groups.begin(), ranking.groups.end(),
      [&](const Ranking::Group& g) { return g.before + ranking.beyond(g.score) + g.tied < s; });
  const bool found = group != ranking.groups.end();
  if (found) {
    const double kept = group->before + ranking.beyond(group->score);
    if (kept < s) return {group->score, s - kept, group->tied, among};
  }
  const double more = s - (found ? group->before : ranking.fixed);
  if (ranking.inverse.empty() || more >= ranking.gaussians) {
    // The scores above the group survive, none of the group.
    return found ? Cut{group->score, 0.0, group->tied, among} : Cut{0.0, 0.0, 0.0, among};
  }
  const std::vector<double>&count = ranking.count, &inverse = ranking.inverse;
  const std::vector<double> zero(inverse.size(), 0.0);
  const Range range =
      range_of(inverse.size(), count.data(), zero.data(), inverse.data(), ranking.gaussians);
  const double t = solve_threshold(inverse.size(), count.data(), zero.data(), inverse.data(),
                                   ranking.gaussians, more, range);
  return {t, 0.0, 0.0, among};
}

/// Fills `kept` from a cut, except for atoms at the threshold.
void apply(const Cut& cut, const Atoms& atoms, const double* score, Kept& kept) {
  Pace pace;
  for (std::size_t i = 0; i < atoms.size(); ++i, pace(1)) {
    if (atoms.gaussian && atoms.gaussian[i]) {
      const Beyond part = beyond(cut.threshold / score[i]);
      kept.share[i] = part.share;
      kept.dropped[i] = part.dropped;
      kept.energy_kept[i] = part.signal_kept;
      kept.energy_dropped[i] = part.signal_dropped;
    } else if (cut.above(score[i]) || (cut.tied == 0.0 && score[i] >= cut.threshold)) {
      kept.share[i] = 1.0;
      kept.dropped[i] = 0.0;
    }
  }
  kept.threshold = cut.threshold;
}

/// Of fixed atoms the signal survives as they do.
void copy_shares(const Atoms& atoms, Kept& kept) {
  if (kept.energy_kept.empty()) return;
  for (std::size_t i = 0; i < atoms.size(); ++i) {
    if (atoms.gaussian[i]) continue;
    kept.energy_kept[i] = kept.share[i];
    kept.energy_dropped[i] = kept.dropped[i];
  }
}

}  // namespace

Range range_of(std::size_t size, const double* count, const double* u, const double* r,
               double total) {
  Range range;
  Pace pace;
  for (std::size_t i = 0; i < size; ++i) {
    pace(1);
    if (count[i] == 0.0) continue;
    const double inverse = 1.0 / r[i];
    range.weighted += count[i] * r[i];
    range.start += count[i] * std::sqrt(1.0 + u[i] * u[i]) * inverse;
    range.high = std::max(range.high, (u[i] + 38.0) * inverse);  // P(|h| > 38) = 1e-315
  }
  range.start /= total;
  return range;
}

double solve_threshold(std::size_t size, const double* count, const double* u, const double* r,
                       double total, double s, const Range& range) {
  // P(|u + h| < T) <= 0.8 T
  const double low = std::min((total - s) / (0.8 * range.weighted), range.high);
  const bool rare = s <= 0.5 * total;
  const double goal = normal::outside_quantile(s / total, (total - s) / total);
  // Newton for the quantile of the half-normal distribution that leaves as many: linear in t where
  // u = 0 and r is the same everywhere. The error is counted for the rarer of the two events.
  const auto excess = [&](double t) -> Sample {
    double sums[3];
    kernels::active().truncated_sums(static_cast<kernels::Size>(size), t, r, u, count, sums);
    const double number = rare ? sums[0] : sums[1];
    if (!(number > 0.0)) return {rare ? -kInfinity : kInfinity, 0.0};
    const double value = rare ? std::log(number / s) : -std::log(number / (total - s));
    const double sum = sums[0] + sums[1],
                 at = normal::outside_quantile(sums[0] / sum, sums[1] / sum);
    return {value, t * (1.0 + (goal - at) * 2.0 * normal::density(at) * sum / sums[2])};
  };
  return falling_root(excess, low, range.high, goal * range.start, 1e-14, 4.0 * kEpsilon);
}

void Kept::reset(const Atoms& atoms) {
  share.assign(atoms.size(), 0.0);
  dropped.assign(atoms.size(), 1.0);
  look();
  drift.assign(atoms.size(), 0.0);
  excess.assign(atoms.size(), 0.0);
  energy_kept.clear();
  energy_dropped.clear();
  if (atoms.gaussian) {
    energy_kept = share;
    energy_dropped = dropped;
  }
  total = total_low = threshold = 0.0;
  selected = in_line = false;
  places = 0.0;
}

void keep_share(const Atoms& atoms, double s, double k, Kept& kept) {
  kept.reset(atoms);
  look();
  std::fill(kept.share.begin(), kept.share.end(), s / k);
  std::fill(kept.dropped.begin(), kept.dropped.end(), (k - s) / k);
  if (atoms.gaussian) {
    kept.energy_kept = kept.share;
    kept.energy_dropped = kept.dropped;
  }
  const double share = s / k, product = atoms.total * share;
  kept.total = product;
  kept.total_low =
      std::fma(atoms.total, share, -product) + atoms.total * (-std::fma(share, k, -s) / k);
}

void keep_oracle(const Features& features, const Atoms& atoms, double k, double s, Kept& kept) {
  kept.reset(atoms);
  const Cut found = cut(rank(atoms.count, atoms.signal, atoms.gaussian, features.by_signal(),
                             k - atoms.total, s, 0.0),
                        s, 0.0);
  apply(found, atoms, atoms.signal, kept);
  kept.total = std::min(s, atoms.total);
  kept.in_line = found.tied > 0.0;
  kept.places = found.left;
  if (found.tied > 0.0) {                    // the first ones in the order of the features
    double left = found.left, wasted = 0.0;  // on features without variance
    std::vector<double> survivors(atoms.size(), 0.0);
    features.each_run(k, [&](Index atom, double count) {
      if (left <= 0.0 ||
          (atom >= 0 ? atoms.gaussian && atoms.gaussian[atom] : found.threshold > 0.0))
        return;
      if (atom >= 0 && !found.at(atoms.signal[atom])) return;
      const double taken = std::min(left, count);
      left -= taken;
      if (atom >= 0)
        survivors[atom] += taken;
      else
        wasted += taken;
    });
    for (std::size_t i = 0; i < atoms.size(); ++i) {
      if (survivors[i] == 0.0) continue;
      kept.share[i] = std::min(1.0, survivors[i] / atoms.count[i]);
      kept.dropped[i] = std::max(0.0, (atoms.count[i] - survivors[i]) / atoms.count[i]);
    }
    if (wasted > 0.0) kept.total = s - wasted;
  }
  copy_shares(atoms, kept);
}

Selection::Selection(const Features& features, const Atoms& atoms, const DenseLaw& law, double n,
                     double k, Rule rule)
    : features_(features),
      atoms_(atoms),
      law_(law),
      k_(k),
      rule_(rule),
      scale_(std::sqrt(law.risk / n)) {
  if (!traits(rule).scores_coefficients) return;
  u_.resize(atoms.size());
  r_.resize(atoms.size());
  const double inverse = 1.0 / scale_;
  if (atoms.gaussian) spread_.assign(atoms.size(), 0.0);
  Pace pace;
  for (std::size_t i = 0; i < atoms.size(); ++i) {
    pace(2);
    r_[i] = white_weight(rule, atoms.eigenvalue[i]) / law.a[i];
    const double u = atoms.signal[i] == 0.0 ? 0.0 : atoms.signal[i] * inverse;
    if (atoms.gaussian && atoms.gaussian[i]) {
      spread_[i] = std::min(u, 1e300);
      r_[i] /= std::hypot(1.0, spread_[i]);
      u_[i] = 0.0;
    } else {
      u_[i] = u;
      largest_ = std::max(largest_, u);
    }
  }
  noiseless_ = !(scale_ > 0.0) || !(largest_ < 1e150);
  if (!noiseless_)
    range_ = range_of(atoms.size(), atoms.count.data(), u_.data(), r_.data(), atoms.total);
}

void Selection::keep(double s, Kept& kept) const {
  if (traits(rule_).needs_truth) {
    keep_oracle(features_, atoms_, k_, std::min(s, k_), kept);
  } else if (traits(rule_).needs_seed) {
    keep_share(atoms_, std::min(s, k_), k_, kept);
  } else if (s >=
             atoms_.total *
                 (1.0 - 1e-14)) {  // a feature without variance has coefficient 0 and goes first
    keep_share(atoms_, k_, k_, kept);
  } else {
    keep_largest(s, kept);
  }
}

void Selection::keep_largest(double s, Kept& kept) const {
  const std::size_t size = atoms_.size();
  if (noiseless_) {  // v = u
    kept.reset(atoms_);
    std::vector<double> score(size);
    Pace pace;
    for (std::size_t i = 0; i < size; ++i, pace(1)) score[i] = law_.a[i] * base_score(i);
    Indices order(size);
    std::iota(order.begin(), order.end(), Index{0});
    std::sort(order.begin(), order.end(), [&](Index a, Index b) {
      pace(4);
      return score[a] > score[b];
    });
    constexpr double among = 1e-12;
    const Cut found =
        cut(rank(atoms_.count, score.data(), atoms_.gaussian, order, 0.0, s, among), s, among);
    apply(found, atoms_, score.data(), kept);
    for (std::size_t i = 0; i < size; ++i) {
      if ((atoms_.gaussian && atoms_.gaussian[i]) || !found.at(score[i])) continue;
      kept.share[i] = std::min(1.0, found.left / found.tied);
      kept.dropped[i] = std::max(0.0, (found.tied - found.left) / found.tied);
    }
    copy_shares(atoms_, kept);
    kept.total = s;
    return;
  }
  double t =
      solve_threshold(size, atoms_.count.data(), u_.data(), r_.data(), atoms_.total, s, range_);
  truncate(t, r_, u_, kept);
  kept.selected = true;
  kept.in_line = false;
  kept.energy_kept.clear();
  kept.energy_dropped.clear();
  t = refine(t, s, kept);
  if (atoms_.gaussian) add_gaussians(atoms_, spread_, r_, t, kept);
  kept.threshold = t * scale_;
  kept.total = s;
  kept.total_low = 0.0;
  if (law_.risk ==
      kInfinity) {  // v is pure noise, and in the limit its survivors say nothing about the data
    kept.selected = false;
    std::fill(kept.drift.begin(), kept.drift.end(), 0.0);
    std::fill(kept.excess.begin(), kept.excess.end(), 0.0);
  }
}

double Selection::base_score(std::size_t i) const {
  const int q = traits(rule_).curvature_power;
  return q == 0 ? atoms_.coefficient[i]
                : atoms_.signal[i] * half_power(atoms_.eigenvalue[i], q - 1);
}

void truncate(double t, const std::vector<double>& r, const std::vector<double>& u, Kept& kept) {
  for (std::vector<double>* part :
       {&kept.share, &kept.dropped, &kept.drift, &kept.excess, &kept.rest})
    part->resize(r.size());
  look();
  kernels::active().truncated(static_cast<kernels::Size>(r.size()), t, r.data(), u.data(),
                              kept.share.data(), kept.dropped.data(), kept.drift.data(),
                              kept.excess.data(), kept.rest.data());
}

void add_gaussians(const Atoms& atoms, const std::vector<double>& spread,
                   const std::vector<double>& r, double t, Kept& kept) {
  kept.energy_kept = kept.share;
  kept.energy_dropped = kept.dropped;
  Pace pace;
  for (std::size_t i = 0; i < atoms.size(); ++i) {
    pace(8);
    if (!atoms.gaussian[i]) continue;
    const double square = spread[i] * spread[i], noise = 1.0 / (1.0 + square),
                 signal = 1.0 / (1.0 + 1.0 / square);
    const double excess = kept.excess[i], dropped = kept.dropped[i];
    const double inner = normal::inner_square(t * r[i], dropped, excess);
    kept.energy_kept[i] = kept.share[i] + signal * excess;
    kept.energy_dropped[i] = noise * dropped + signal * inner;
    kept.rest[i] = noise * inner + signal * dropped;
    kept.drift[i] = signal * excess;
    kept.excess[i] = noise * excess;
  }
}

}  // namespace overprune::theory
