#include "overprune/theory.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "base/check.hpp"
#include "base/limits.hpp"
#include "base/pace.hpp"
#include "base/table_layout.hpp"
#include "overprune/interrupt.hpp"
#include "theory/atom_sums.hpp"
#include "theory/lasso_law.hpp"

namespace overprune {
namespace {

using theory::Atoms;
using theory::block_sums;
using theory::DenseLaw;
using theory::Kept;
using theory::Selection;
using theory::Shrinkage;

void check_eigenvalues(ConstVector eigenvalues) {
  check::view("eigenvalues", eigenvalues);
  for (Index i = 0; i < eigenvalues.size; ++i)
    if (!(eigenvalues(i) >= 0.0) || !std::isfinite(eigenvalues(i)))
      check::fail("eigenvalues must be finite and at least 0, got ", eigenvalues(i), " at index ",
                  i);
}

void check_samples(double n) {
  if (!(n > 0.0) || !std::isfinite(n)) check::fail("n must be finite and above 0, got ", n);
}

/// Risk after pruning: sigma^2 + sum ( a^2 M2 - 2 u a M1 + u^2 ), sorted so that only small terms
/// cancel.
double pruned_risk(const Atoms& atoms, const DenseLaw& law, double n, const Kept& kept) {
  if (law.risk == kInfinity) return kInfinity;
  const double variance = law.risk / n;
  const double *in = kept.signal_kept(), *out = kept.signal_dropped();
  return atoms.noise + block_sums<1>(atoms.size(), [&](std::size_t i, auto& sum) {
           const double u = atoms.signal[i], a = law.a[i], d = law.d[i];
           sum[0] +=
               atoms.count[i] *
               (u * u * (out[i] + in[i] * d * d) +
                variance * a * (a * (kept.share[i] + kept.excess[i]) - 2.0 * d * kept.drift[i]));
         })[0];
}

/// How the second stage remembers the first: E[v2 | v] = (1 - rho) u + rho v, and u2 = g (v2 - c d
/// v).
struct Memory {
  double rho = 0.0;
  double c = 0.0;
};

/// The two linear equations of (rho, c), divided by q and with u in units of sqrt(q / n). The
/// coefficients of rho and c in their own equations are sums of positive terms.
/// @param first   1 - (1/n) sum a, of the first stage
/// @param second  1 - (1/n) sum g M0
Memory solve_memory(const Atoms& atoms, const DenseLaw& law, double n, const Kept& kept,
                    double tau2, double first, double second) {
  const double scale = std::sqrt(law.risk / n);
  const double *in = kept.signal_kept(), *out = kept.signal_dropped();
  const auto sums = block_sums<7>(atoms.size(), [&](std::size_t i, auto& sum) {
    const double u = atoms.signal[i] / scale, a = law.a[i], d = law.d[i];
    const auto [g, lost] = Shrinkage(atoms.eigenvalue[i], tau2);
    const double drift = kept.drift[i], square = kept.share[i] + kept.excess[i], w = atoms.count[i];
    sum[0] += w * g * d * (square + drift);
    sum[1] += w * g * kept.excess[i];
    sum[2] += w * g * drift;
    sum[3] += w * g * d * (a * square + (a - d) * drift);
    sum[4] += w * g * (d * u) * (d * u) * in[i];
    sum[5] += w * (d * u * (u * (out[i] + in[i] * lost)) + g * a * drift);
    sum[6] += w * (a * (lost * square + kept.rest[i]) + g * d * drift);
  });
  const double c_c = second + sums[0] / n, c_rho = -sums[1] / n, c_right = sums[2] / n;
  const double rho_rho = first + sums[6] / n, rho_c = (sums[3] - sums[4]) / n;
  const double rho_right = atoms.noise / law.risk + sums[5] / n;
  const double determinant = c_c * rho_rho - c_rho * rho_c;
  return {(c_c * rho_right - rho_c * c_right) / determinant,
          (c_right * rho_rho - rho_right * c_rho) / determinant};
}

/// Risk after retraining the kept coordinates on the same data.
double retrained_risk(const Atoms& atoms, const DenseLaw& law, double n, const Kept& kept,
                      const RealGrid& grid) {
  const double ridge = grid.retrain_ridge;
  const double over = (kept.total - n) + kept.total_low;
  double tau2 = 0.0;
  if (ridge > 0.0 || over > 0.0) {
    std::vector<double> weight(atoms.size());
    for (std::size_t i = 0; i < atoms.size(); ++i) weight[i] = atoms.count[i] * kept.share[i];
    tau2 = theory::solve_tau(atoms.size(), atoms.eigenvalue, weight.data(), over, n, ridge);
  }
  const double spare = theory::spare_fraction(over, n, ridge, tau2);
  if (tau2 == 0.0 && spare == 0.0 && kept.selected) return kInfinity;
  Memory memory;  // a support that does not depend on the data has c = 0, and rho drops out
  double variance = 0.0;
  if (kept.selected) {
    memory = solve_memory(atoms, law, n, kept, tau2,
                          theory::spare_fraction(atoms.total - n, n, grid.ridge, law.tau), spare);
    variance = law.risk / n;
  }
  const double rho = memory.rho;
  const double *in = kept.signal_kept(), *out = kept.signal_dropped();
  const auto sums = block_sums<2>(atoms.size(), [&](std::size_t i, auto& sum) {
    const double u = atoms.signal[i], M0 = kept.share[i];
    const auto [g, lost] = Shrinkage(atoms.eigenvalue[i], tau2);
    const double cd = memory.c * law.d[i], slope = rho - cd, shrink = lost + g * cd;
    // Given v, u2 has the mean g ((1 - c d) u + slope (v - u)): u less shrink u, plus g slope (v -
    // u).
    sum[0] += atoms.count[i] *
              (u * u * (out[i] + in[i] * shrink * shrink) -
               2.0 * g * slope * shrink * variance * kept.drift[i] +
               g * g * variance * (slope * slope * kept.excess[i] - cd * (2.0 * rho - cd) * M0));
    sum[1] += atoms.count[i] * M0 * g * lost;
  });
  return theory::inflate(atoms.noise + sums[0], spare + sums[1] / n);
}

/// One problem at sizes that grow, for all rules and nonzeros.
class Trained {
 public:
  Trained(const theory::Features& features, double n, const RealGrid& grid)
      : features_(features), growing_(features), n_(n), grid_(grid) {}

  /// Trains the first k features.
  void train(double k) {
    size_ = std::min(k, features_.size());
    selection_.reset();
    growing_.grow(size_, atoms_);
    // Sums of real weights that should equal n differ from it by rounding.
    if (std::abs(atoms_.total - n_) <= 4.0 * std::numeric_limits<double>::epsilon() * n_)
      atoms_.total = n_;
    law_ = theory::dense_law(atoms_, n_, grid_.ridge);
    retrained_whole_ = grid_.retrain_ridge == grid_.ridge ? law_.risk : kNaN;
  }
  double dense() const { return law_.risk; }

  /// Prepares a rule for `prune`.
  void select(Rule rule) {
    own_ = traits(rule).trains_itself ? std::make_unique<theory::LassoLaw>(atoms_, n_, grid_.ridge)
                                      : nullptr;
    if (own_) return;
    selection_ = std::make_unique<Selection>(features_, atoms_, law_, n_, size_, rule);
  }

  /// What is found of a rule's models with s nonzeros.
  struct Found {
    double pruned, retrained;  ///< risks
    double penalty = kNaN;     ///< of a model that the rule trains itself
    bool exists = true;        ///< whether its path has one

    bool overflowed(bool retrains) const {
      return exists && (std::isnan(pruned) || (retrains && std::isnan(retrained)));
    }
  };
  Found prune(double s) {
    if (own_) {
      if (!own_->solve(s)) return {kNaN, kNaN, kNaN, false};
      return {own_->risk(), grid_.retrain ? own_->retrained(grid_.retrain_ridge) : kNaN,
              own_->penalty()};
    }
    selection_->keep(s, kept_);
    // Only features without variance are dropped, if any: nothing was pruned.
    if (kept_.total == atoms_.total) return {law_.risk, retrained_whole()};
    return {pruned_risk(atoms_, law_, n_, kept_),
            grid_.retrain ? retrained_risk(atoms_, law_, n_, kept_, grid_) : kNaN};
  }

 private:
  double retrained_whole() {
    if (grid_.retrain && std::isnan(retrained_whole_))
      retrained_whole_ = theory::dense_law(atoms_, n_, grid_.retrain_ridge).risk;
    return retrained_whole_;
  }

  const theory::Features& features_;
  theory::Growing growing_;
  double n_, size_ = 0.0;
  const RealGrid& grid_;
  Atoms atoms_;
  DenseLaw law_;
  std::unique_ptr<Selection> selection_;   // of the rule, or
  std::unique_ptr<theory::LassoLaw> own_;  // its own training
  Kept kept_;
  double retrained_whole_ = kNaN;
};

}  // namespace

double fixed_point(ConstVector eigenvalues, Index n, double ridge) {
  check_eigenvalues(eigenvalues);
  check::at_least("n", n, 1);
  check::nonnegative("ridge", ridge);
  std::vector<double> positive;
  Pace pace;
  for (Index i = 0; i < eigenvalues.size; ++i, pace(1))
    if (eigenvalues(i) > 0.0) positive.push_back(eigenvalues(i));
  const std::vector<double> weight(positive.size(), 1.0);
  const double tau = theory::solve_tau(positive.size(), positive.data(), weight.data(),
                                       static_cast<double>(static_cast<Index>(positive.size()) - n),
                                       static_cast<double>(n), ridge);
  if (std::isnan(tau)) check::fail("eigenvalues and ridge must be smaller: their sum overflows");
  return tau;
}

CoefficientLaw coefficient_law(ConstVector eigenvalues, ConstVector beta, double noise_std, Index n,
                               double ridge) {
  const theory::Features features(eigenvalues, beta, noise_std);
  check::at_least("n", n, 1);
  check::nonnegative("ridge", ridge);
  const Index p = eigenvalues.size;
  const double samples = static_cast<double>(n);
  Atoms atoms;
  theory::Growing(features).grow(features.size(), atoms);
  const DenseLaw law = theory::dense_law(atoms, samples, ridge);
  if (std::isnan(law.risk)) check::out_of_range("risk", static_cast<double>(p));
  CoefficientLaw result{std::vector<double>(p, 0.0), std::vector<double>(p, 0.0)};
  for (Index i = 0; i < p; ++i) {
    const double lam = eigenvalues(i), sum = lam + law.tau;
    if (lam == 0.0) continue;
    result.mean[i] = lam / sum * beta(i);
    // Where the risk is infinite, no coefficient is so sure that its share of it would underflow.
    result.variance[i] = std::isinf(law.risk) ? law.risk : law.risk / samples * (lam / sum) / sum;
  }
  return result;
}

RiskTable predict(const GroupedFeatures& features, double n, const RealGrid& grid,
                  const std::function<void()>& poll) {
  const Interruptible interruptible(poll);
  check_samples(n);
  check_grid(grid, features.total());
  const std::size_t K = grid.sizes.size(), S = grid.nonzeros.size(), R = grid.rules.size();
  RiskTable result = make_table(grid_layout(kExact, grid));
  std::vector<double>& dense = result["dense_risk"];
  double *const pruned_risk = result.find("pruned_risk"),
                *const retrained_risk = result.find("retrained_risk"),
                *const penalty = result.find("pruned_penalty");
  Trained trained(features.features(), n, grid);
  for (std::size_t k = 0; k < K; ++k) {
    if (poll) poll();
    trained.train(grid.sizes[k]);
    dense[k] = trained.dense();
    if (std::isnan(trained.dense())) check::out_of_range("dense risk", grid.sizes[k]);
    for (std::size_t r = 0; r < R; ++r) {
      if (grid.nonzeros[0] <= grid.sizes[k]) trained.select(grid.rules[r]);
      for (std::size_t s = 0; s < S && grid.nonzeros[s] <= grid.sizes[k]; ++s) {
        if (poll) poll();
        const auto found = trained.prune(grid.nonzeros[s]);
        if (found.overflowed(grid.retrain))
          check::out_of_range("pruned or retrained risk", grid.sizes[k]);
        const std::size_t at = (r * K + k) * S + s;
        pruned_risk[at] = found.pruned;
        if (grid.retrain) retrained_risk[at] = found.retrained;
        if (penalty) penalty[at] = found.penalty;
      }
    }
  }
  // The deleted features say nothing about the survivors.
  if (grid.compensate) result["compensated_risk"] = result["pruned_risk"];
  return result;
}

RiskTable predict(ConstVector eigenvalues, ConstVector beta, double noise_std, Index n,
                  const Grid& grid, const std::function<void()>& poll) {
  const Interruptible interruptible(poll);
  const GroupedFeatures features(eigenvalues, beta, noise_std);
  check::at_least("n", n, 1);
  check_grid(grid, eigenvalues.size);
  return predict(features, static_cast<double>(n),
                 {{grid.sizes.begin(), grid.sizes.end()},
                  {grid.nonzeros.begin(), grid.nonzeros.end()},
                  grid.rules,
                  grid.retrain,
                  grid.ridge,
                  grid.retrain_ridge,
                  grid.compensate},
                 poll);
}

}  // namespace overprune
