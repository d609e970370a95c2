#include "overprune/theory.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "check.hpp"
#include "theory_law.hpp"

namespace overprune {
namespace {

using theory::Atoms;
using theory::DenseLaw;
using theory::Kept;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

void check_eigenvalues(ConstVector eigenvalues) {
  for (Index i = 0; i < eigenvalues.size; ++i)
    if (!(eigenvalues(i) >= 0.0) || !std::isfinite(eigenvalues(i)))
      check::fail("eigenvalues must be finite and at least 0, got ", eigenvalues(i), " at index ", i);
}

void check_problem(ConstVector eigenvalues, ConstVector beta, double noise_std) {
  check_eigenvalues(eigenvalues);
  check::same("beta", eigenvalues.size, beta.size);
  check::finite("beta", beta);
  check::nonnegative("noise_std", noise_std);
}

/// The problem, and its restriction to the first k features for any k.
class Coordinates {
 public:
  Coordinates(ConstVector eigenvalues, ConstVector beta, double noise_std) {
    const Index p = eigenvalues.size;
    noise_.assign(p + 1, noise_std * noise_std);
    // From the tail, so that the smallest noise is a sum of few terms and never a difference.
    for (Index i = p; i-- > 0;) noise_[i] = noise_[i + 1] + eigenvalues(i) * beta(i) * beta(i);
    std::map<std::pair<double, double>, Index> known;
    for (Index i = 0; i < p; ++i) {
      const auto key = std::make_pair(eigenvalues(i), std::abs(beta(i)));
      const auto [entry, is_new] = known.emplace(key, static_cast<Index>(eigenvalue_.size()));
      atom_.push_back(entry->second);
      salience_.push_back(std::abs(beta(i)) * std::sqrt(eigenvalues(i)));
      if (!is_new) continue;
      eigenvalue_.push_back(key.first);
      signal_.push_back(std::sqrt(key.first) * key.second);
    }
  }

  /// The first k features.
  Atoms restricted(Index k) const {
    Atoms atoms;
    const std::vector<double> count = tally(k, [](Index) { return true; });
    for (std::size_t a = 0; a < count.size(); ++a) {
      if (count[a] == 0.0 || eigenvalue_[a] == 0.0) continue;
      atoms.count.push_back(count[a]);
      atoms.eigenvalue.push_back(eigenvalue_[a]);
      atoms.signal.push_back(signal_[a]);
      atoms.total += count[a];
    }
    atoms.noise = noise_[k];
    return atoms;
  }

  /// How many coordinates of each atom of restricted(k) are among the s of largest true salience.
  std::vector<double> oracle(Index k, Index s) const {
    std::vector<char> chosen(atom_.size(), 0);
    const Indices best = top_k({salience_.data(), k, 1}, s);
    for (const Index i : best) chosen[i] = 1;
    const std::vector<double> count = tally(k, [](Index) { return true; });
    const std::vector<double> survivors = tally(k, [&](Index i) { return chosen[i] != 0; });
    std::vector<double> result;
    for (std::size_t a = 0; a < count.size(); ++a)
      if (count[a] > 0.0 && eigenvalue_[a] > 0.0) result.push_back(survivors[a]);
    return result;
  }

 private:
  template <class Predicate>
  std::vector<double> tally(Index k, const Predicate& counted) const {
    std::vector<double> count(eigenvalue_.size(), 0.0);
    for (Index i = 0; i < k; ++i)
      if (counted(i)) count[atom_[i]] += 1.0;
    return count;
  }

  Indices atom_;                             // (p) the atom of each coordinate
  std::vector<double> salience_;             // (p) |beta| sqrt(lam), in the order of beta^2 lam
  std::vector<double> noise_;                // (p + 1) noise variance when the first k features are trained
  std::vector<double> eigenvalue_, signal_;  // per atom
};

/// Risk after pruning: sigma^2 + sum ( a^2 M2 - 2 u a M1 + u^2 ), sorted so that only small terms cancel.
double pruned_risk(const Atoms& atoms, const DenseLaw& law, double n, const Kept& kept) {
  if (law.risk == kInfinity) return kInfinity;
  const double variance = law.risk / n;
  double risk = atoms.noise;
  for (std::size_t i = 0; i < atoms.size(); ++i) {
    const double lam = atoms.eigenvalue[i], u = atoms.signal[i];
    const double a = lam / (lam + law.tau), d = law.tau / (lam + law.tau);
    risk +=
        atoms.count[i] * (u * u * (kept.dropped[i] + kept.share[i] * d * d) +
                          variance * a * (a * (kept.share[i] + kept.excess[i]) - 2.0 * d * kept.drift[i]));
  }
  return risk;
}

/// How the second stage remembers the first: E[v2 | v] = (1 - rho) u + rho v, and u2 = g (v2 - c d v).
struct Memory {
  double rho = 0.0;
  double c = 0.0;
};

/// The two linear equations of (rho, c), divided by q and with u in units of sqrt(q / n).
/// @param spare  1 - (1/n) sum g M0
Memory solve_memory(const Atoms& atoms, const DenseLaw& law, double n, const Kept& kept, double tau2,
                    double spare) {
  const double scale = std::sqrt(law.risk / n);
  double c_c = spare, c_rho = 0.0, c_right = 0.0;
  double rho_rho = spare, rho_c = 0.0, rho_right = atoms.noise / law.risk;
  for (std::size_t i = 0; i < atoms.size(); ++i) {
    const double lam = atoms.eigenvalue[i], u = atoms.signal[i] / scale;
    const double a = lam / (lam + law.tau), d = law.tau / (lam + law.tau);
    const double g = lam / (lam + tau2), lost = tau2 / (lam + tau2);
    const double share = kept.share[i], drift = kept.drift[i], square = share + kept.excess[i];
    const double w = atoms.count[i] / n;
    c_c += w * g * d * (square + drift);
    c_rho -= w * g * kept.excess[i];
    c_right += w * g * drift;
    rho_rho += w * g * (d * (square + drift) - kept.excess[i]);
    rho_c += w * g * d * (a * square + (a - d) * drift - d * u * u * share);
    rho_right += w * (d * u * u * (kept.dropped[i] + share * lost) + g * a * drift);
  }
  const double determinant = c_c * rho_rho - c_rho * rho_c;
  return {(c_c * rho_right - rho_c * c_right) / determinant,
          (c_right * rho_rho - rho_right * c_rho) / determinant};
}

/// Risk after retraining the kept coordinates on the same data.
double retrained_risk(const Atoms& atoms, const DenseLaw& law, double n, const Kept& kept, double ridge) {
  std::vector<double> weight(atoms.size());
  for (std::size_t i = 0; i < atoms.size(); ++i) weight[i] = atoms.count[i] * kept.share[i];
  const double tau2 = theory::solve_tau(atoms.eigenvalue, weight, kept.total, n, ridge);
  const double spare = theory::spare_fraction(kept.total, n, ridge, tau2);
  if (tau2 == 0.0 && spare == 0.0 && kept.selected) return kInfinity;
  Memory memory;  // a support that does not depend on the data has c = 0, and rho drops out
  double variance = 0.0;
  if (kept.selected) {
    memory = solve_memory(atoms, law, n, kept, tau2, spare);
    variance = law.risk / n;
  }
  const double rho = memory.rho;
  double error = atoms.noise, share = spare;
  for (std::size_t i = 0; i < atoms.size(); ++i) {
    const double lam = atoms.eigenvalue[i], u = atoms.signal[i];
    const double g = lam / (lam + tau2), lost = tau2 / (lam + tau2);
    const double cd = memory.c * (law.tau / (lam + law.tau)), slope = rho - cd;
    const double shrink = lost + g * cd, M0 = kept.share[i];
    // Given v, u2 has the mean g ((1 - c d) u + slope (v - u)): u less shrink u, plus g slope (v - u).
    error +=
        atoms.count[i] * (u * u * (kept.dropped[i] + M0 * shrink * shrink) -
                          2.0 * g * slope * shrink * variance * kept.drift[i] +
                          g * g * variance * (slope * slope * kept.excess[i] - cd * (2.0 * rho - cd) * M0));
    share += weight[i] / n * g * lost;
  }
  return theory::inflate(error, share);
}

/// One size of the grid.
class Trained {
 public:
  Trained(const Coordinates& coordinates, Index size, double n, const Grid& grid)
      : coordinates_(coordinates),
        size_(size),
        n_(n),
        retrain_ridge_(grid.retrain_ridge),
        atoms_(coordinates.restricted(size)),
        law_(theory::dense_law(atoms_, n_, grid.ridge)),
        retrained_whole_(theory::dense_law(atoms_, n_, grid.retrain_ridge).risk) {}

  double dense() const { return law_.risk; }

  /// Risks of the pruned and of the retrained model.
  std::pair<double, double> prune(Rule rule, Index s, bool retrain) const {
    const Kept kept = keep(rule, s);
    // Only features without variance are dropped, if any: nothing was pruned.
    if (kept.total == atoms_.total) return {law_.risk, retrained_whole_};
    return {pruned_risk(atoms_, law_, n_, kept),
            retrain ? retrained_risk(atoms_, law_, n_, kept, retrain_ridge_) : kNaN};
  }

 private:
  Kept keep(Rule rule, Index s) const {
    const double number = static_cast<double>(s);
    if (rule == Rule::oracle) return theory::keep_fixed(atoms_, coordinates_.oracle(size_, s));
    if (rule == Rule::random) {
      std::vector<double> survivors = atoms_.count;
      for (double& count : survivors) count *= number / static_cast<double>(size_);
      Kept kept = theory::keep_fixed(atoms_, survivors);
      kept.total = atoms_.total * number / static_cast<double>(size_);
      return kept;
    }
    // A feature without variance has coefficient 0 and goes first.
    if (number >= atoms_.total) return theory::keep_fixed(atoms_, atoms_.count);
    return theory::keep_largest(atoms_, law_, n_, rule, number);
  }

  const Coordinates& coordinates_;
  Index size_;
  double n_, retrain_ridge_;
  Atoms atoms_;
  DenseLaw law_;
  double retrained_whole_;
};

}  // namespace

double fixed_point(ConstVector eigenvalues, Index n, double ridge) {
  check_eigenvalues(eigenvalues);
  check::at_least("n", n, 1);
  check::nonnegative("ridge", ridge);
  std::vector<double> positive;
  for (Index i = 0; i < eigenvalues.size; ++i)
    if (eigenvalues(i) > 0.0) positive.push_back(eigenvalues(i));
  const std::vector<double> weight(positive.size(), 1.0);
  return theory::solve_tau(positive, weight, static_cast<double>(positive.size()), static_cast<double>(n),
                           ridge);
}

CoefficientLaw coefficient_law(ConstVector eigenvalues, ConstVector beta, double noise_std, Index n,
                               double ridge) {
  check_problem(eigenvalues, beta, noise_std);
  check::at_least("n", n, 1);
  check::nonnegative("ridge", ridge);
  const Index p = eigenvalues.size;
  const double samples = static_cast<double>(n);
  const DenseLaw law =
      theory::dense_law(Coordinates(eigenvalues, beta, noise_std).restricted(p), samples, ridge);
  CoefficientLaw result{std::vector<double>(p, 0.0), std::vector<double>(p, 0.0)};
  for (Index i = 0; i < p; ++i) {
    const double lam = eigenvalues(i), sum = lam + law.tau;
    if (lam == 0.0) continue;
    result.mean[i] = lam / sum * beta(i);
    result.variance[i] = law.risk / samples * (lam / sum) / sum;
  }
  return result;
}

PredictResult predict(ConstVector eigenvalues, ConstVector beta, double noise_std, Index n, const Grid& grid,
                      const std::function<void()>& poll) {
  check_problem(eigenvalues, beta, noise_std);
  check::at_least("n", n, 1);
  check_grid(grid, eigenvalues.size);
  const std::size_t K = grid.sizes.size(), S = grid.nonzeros.size(), R = grid.rules.size();
  PredictResult result;
  result.dense_risk.resize(K);
  result.pruned_risk.assign(R * K * S, kNaN);
  if (grid.retrain) result.retrained_risk.assign(R * K * S, kNaN);
  const Coordinates coordinates(eigenvalues, beta, noise_std);
  for (std::size_t k = 0; k < K; ++k) {
    const Trained trained(coordinates, grid.sizes[k], static_cast<double>(n), grid);
    result.dense_risk[k] = trained.dense();
    for (std::size_t r = 0; r < R; ++r) {
      for (std::size_t s = 0; s < S && grid.nonzeros[s] <= grid.sizes[k]; ++s) {
        if (poll) poll();
        const auto [pruned, retrained] = trained.prune(grid.rules[r], grid.nonzeros[s], grid.retrain);
        const std::size_t at = (r * K + k) * S + s;
        result.pruned_risk[at] = pruned;
        if (grid.retrain) result.retrained_risk[at] = retrained;
      }
    }
  }
  return result;
}

}  // namespace overprune
