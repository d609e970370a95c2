// Iterative pruning of independent features: Gaussian paths of single coordinates.
//
// A path is the sequence e_0, e_1, ... of one coordinate that survives. The latest field f = u + e - sum c w
// is Gaussian given the path before it, so its survival and its truncated moments are exact; only then is it
// drawn, from its law given survival, and the path's weight multiplied by the probability of surviving. No
// path is lost, thresholds keep exactly the expected number, and a schedule of one round needs no draws at
// all.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "overprune/random.hpp"
#include "pace.hpp"
#include "theory_schedule.hpp"

namespace overprune::theory {
namespace {

double upper_tail(double x) { return 0.5 * std::erfc(x * std::sqrt(0.5)); }
double density(double x) { return std::exp(-0.5 * x * x) * 0.3989422804014327; }

/// x with P(h > x) = p for standard normal h, to about 1e-10: a rational starting point (Abramowitz and
/// Stegun, 26.2.23) and one step of Halley's method.
double upper_quantile(double p) {
  if (p > 0.5) return -upper_quantile(1.0 - p);
  const double t = std::sqrt(-2.0 * std::log(p));
  const double x =
      t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
  const double step = (upper_tail(x) - p) / density(x);
  return x + step / (1.0 - 0.5 * x * step);
}

/// Moments of a standard normal z where mean + deviation z lies outside [-T, T].
struct Outside {
  double below, above;  // probabilities of either side
  double first, second;

  Outside(double mean, double deviation, double T) {
    const double low = (-T - mean) / deviation, high = (T - mean) / deviation;
    below = upper_tail(-low);
    above = upper_tail(high);
    const double at_low = density(low), at_high = density(high);
    first = at_high - at_low;
    second = below + above + (std::isfinite(high) ? high * at_high - low * at_low : 0.0);
  }
  double probability() const { return below + above; }
  /// z given that it survives, by a uniform number.
  double draw(double uniform) const {
    const double rank = uniform * probability();
    return rank < below ? -upper_quantile(rank) : upper_quantile(probability() - rank);
  }
};

/// The Gaussian paths of one set of draws, at one round of the schedule.
class Paths {
 public:
  Paths(const ScheduleAtoms& atoms, const Indices& points, Index rounds, Evolution evolution)
      : atoms_(atoms), points_(points), rounds_(rounds), evolution_(std::move(evolution)) {
    Pace pace;
    for (std::size_t a = 0; a < atoms.size(); ++a)
      for (Index j = 0; j < points[a]; ++j, pace(4)) {
        mean_.push_back(atoms.signal[a]);
        weight_.push_back(atoms.count[a] / static_cast<double>(points[a]));
      }
    memory_.assign(mean_.size(), 0.0);
    past_.assign(mean_.size() * 2 * static_cast<std::size_t>(rounds), 0.0);
    widen();
  }

  const Evolution& evolution() const { return evolution_; }

  /// The t with sum P(|f| > t ratio) = s: Newton on a logarithmic scale, where the rarer of survival and loss
  /// is nearly linear at either end, with bisection where Newton leaves the bracket.
  /// @param ratio  (atoms) threshold of |f| for t = 1
  double threshold(const std::vector<double>& ratio, double s, const Poll& poll) const {
    double total = 0.0, high = 0.0;
    each_path([&](std::size_t i, std::size_t a, Index) {
      total += weight_[i];
      high = std::max(high, (std::abs(mean_[i]) + 9.0 * deviation_) / ratio[a]);
    });
    const bool rare = s <= 0.5 * total;
    double low = high * 1e-30, t = high * 0.1, last = 0.0;
    for (int iteration = 0; iteration < 200; ++iteration) {
      poll_now(poll);
      double number = 0.0, slope = 0.0;
      each_path([&](std::size_t i, std::size_t a, Index) {
        const double T = t * ratio[a];
        const double below = (-T - mean_[i]) / deviation_, above = (T - mean_[i]) / deviation_;
        const double survives = upper_tail(-below) + upper_tail(above);
        number += weight_[i] * (rare ? survives : 1.0 - survives);
        slope += weight_[i] * T / deviation_ * (density(below) + density(above));
      });
      const double value = std::log(number / (rare ? s : total - s)) * (rare ? 1.0 : -1.0);
      if (std::abs(value) < 1e-13) break;
      (value > 0.0 ? low : high) = t;
      const double step = value * number / slope, next = t * std::exp(step);
      const bool newton = next > low && next < high && !(std::abs(value) > 0.5 * last && last > 0.0);
      last = newton ? std::abs(value) : 0.0;
      t = newton ? next : std::sqrt(low) * std::sqrt(high);
      if (high <= low * (1.0 + 4.0 * std::numeric_limits<double>::epsilon())) break;
    }
    return t;
  }

  /// Expected survivors of each atom.
  std::vector<double> survivors(const std::vector<double>& ratio, double t) const {
    std::vector<double> result(atoms_.size(), 0.0);
    each_path([&](std::size_t i, std::size_t a, Index) {
      result[a] += weight_[i] * Outside(mean_[i], deviation_, t * ratio[a]).probability();
    });
    return result;
  }

  /// The sums over the survivors of the next round, which regularises by tau.
  /// @param field_tau  of the round that the field belongs to
  Forms forms(const std::vector<double>& ratio, double t, double field_tau, double tau) const {
    const Index r = evolution_.rounds(), columns = 1 + 2 * r;
    Forms total(columns);
    SmallMatrix own(columns, columns);
    std::vector<double> constant(columns);
    std::size_t i = 0;
    Pace pace;
    for (std::size_t a = 0; a < atoms_.size(); ++a) {
      const double lam = atoms_.eigenvalue[a], u = atoms_.signal[a];
      const double g = lam / (lam + tau), gf = lam / (lam + field_tau), df = field_tau / (lam + field_tau);
      own = SmallMatrix(columns, columns);
      double number = 0.0;
      total.pruned += atoms_.count[a] * u * u;
      for (Index j = 0; j < points_[a]; ++j, ++i) {
        pace(64);
        const Outside z(mean_[i], deviation_, t * ratio[a]);
        const double M0 = weight_[i] * z.probability(), M1 = weight_[i] * z.first * deviation_,
                     M2 = weight_[i] * z.second * deviation_ * deviation_;
        if (M0 == 0.0) continue;
        number += M0;
        // f = mean + y, and u_t = gf f for the survivors: (gf f - u)^2 less u^2.
        const double mean = mean_[i], shrunk = gf * mean;
        total.pruned += (shrunk - 2.0 * u) * shrunk * M0 + 2.0 * (shrunk - u) * gf * M1 + gf * gf * M2;
        // Z = constant + y (0 ... 1 ... df): e_t = f + memory - u, w_t = memory + df f.
        constant[0] = u;
        for (Index l = 0; l + 1 < r; ++l) {
          constant[1 + l] = e(i, l);
          constant[1 + r + l] = w(i, l);
        }
        const Index last_e = r, last_w = 2 * r;
        constant[last_e] = mean + memory_[i] - u;
        constant[last_w] = memory_[i] + df * mean;
        for (Index q = 0; q < columns; ++q)
          for (Index p = 0; p <= q; ++p) own(p, q) += M0 * constant[p] * constant[q];
        for (Index p = 0; p < columns; ++p) {
          own(std::min(p, last_e), std::max(p, last_e)) += M1 * constant[p];
          own(std::min(p, last_w), std::max(p, last_w)) += M1 * df * constant[p];
        }
        own(last_e, last_e) += M1 * constant[last_e] + M2;
        own(last_w, last_w) += M1 * df * constant[last_w] + M2 * df * df;
        own(last_e, last_w) += M2 * df;
      }
      for (Index q = 0; q < columns; ++q)
        for (Index p = 0; p < q; ++p) own(q, p) = own(p, q);
      total.first.add(g, own);
      total.second.add(g * g, own);
      total.first_trace += g * number;
      total.second_trace += g * g * number;
    }
    return total;
  }

  /// Goes on to the next round: draws the fields of the survivors and their law in the next.
  /// @param uniform  uniform(a, j, points) in (0, 1) of path j among those of atom a
  template <class Uniform>
  void advance(const std::vector<double>& ratio, double t, double field_tau, const Forms& forms,
               const Uniform& uniform) {
    const Index r = evolution_.rounds();
    evolution_.advance(forms);
    if (r == rounds_) return;
    const Round& next = evolution_.latest();
    each_path([&](std::size_t i, std::size_t a, Index j) {
      const double u = atoms_.signal[a];
      const Outside z(mean_[i], deviation_, t * ratio[a]);
      weight_[i] *= z.probability();
      if (weight_[i] < 1e-300) {
        weight_[i] = mean_[i] = memory_[i] = 0.0;
        return;
      }
      const double field = mean_[i] + deviation_ * z.draw(uniform(a, j, points_[a]));
      e(i, r - 1) = field + memory_[i] - u;
      w(i, r - 1) = memory_[i] + field_tau / (atoms_.eigenvalue[a] + field_tau) * field;
      double mean = u, memory = 0.0;
      for (Index l = 0; l < r; ++l) {
        mean += next.rho(l, 0) * e(i, l);
        memory += next.c(l, 0) * w(i, l);
      }
      mean_[i] = mean - memory;
      memory_[i] = memory;
    });
    widen();
  }

 private:
  template <class Body>
  void each_path(const Body& body) const {
    std::size_t i = 0;
    Pace pace;
    for (std::size_t a = 0; a < points_.size(); ++a)
      for (Index j = 0; j < points_[a]; ++j, ++i, pace(64)) body(i, a, j);
  }

  /// A law without noise gets a little, so that equal scores survive in equal shares.
  void widen() {
    double largest = 1e-150;
    for (const double mean : mean_) largest = std::max(largest, 1e-10 * std::abs(mean));
    deviation_ = std::max(evolution_.latest().root(0, 0), largest);
  }

  double& e(std::size_t i, Index l) { return past_[i * 2 * rounds_ + l]; }
  double& w(std::size_t i, Index l) { return past_[i * 2 * rounds_ + rounds_ + l]; }
  double e(std::size_t i, Index l) const { return past_[i * 2 * rounds_ + l]; }
  double w(std::size_t i, Index l) const { return past_[i * 2 * rounds_ + rounds_ + l]; }

  const ScheduleAtoms& atoms_;
  Indices points_;  // (atoms) paths of each
  Index rounds_;    // of pruning
  Evolution evolution_;
  double deviation_ = 1.0;                      // of f given the path
  std::vector<double> mean_, memory_, weight_;  // of f; sum c w; of the path
  std::vector<double> past_;                    // e_0, e_1, ..., w_0, w_1, ...
};

class ScalarSchedule final : public ScheduleMethod {
 public:
  ScalarSchedule(const LinearGaussianProblem& problem, double n, const Schedule& schedule, Rule rule,
                 std::uint64_t seed)
      : schedule_(schedule), n_(n), rule_(rule), seed_(seed), atoms_(schedule_atoms(problem, schedule.size)) {
    // Features of no variance have coefficient 0 and go first: a round that drops no other prunes nothing.
    double before = atoms_.total;
    for (const Index s : schedule.nonzeros) {
      const double number = std::min(static_cast<double>(s), atoms_.total);
      nothing_.push_back(number == before && (!nothing_.empty() || schedule.ridge == schedule.retrain_ridge));
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
    Paths paths(atoms_, points(count), active_, start(law.tau));
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
      const double next_tau =
          solve_tau(atoms_.eigenvalue, paths.survivors(ratio, threshold), s, n_, schedule_.retrain_ridge);
      Forms forms = paths.forms(ratio, threshold, tau, next_tau);
      if (next_tau == 0.0) forms.first_trace = forms.second_trace = s;
      const bool diverged = std::isinf(risks.retrained.back());
      risks.pruned.push_back(diverged ? risks.retrained.back() : atoms_.noise + std::max(forms.pruned, 0.0));
      paths.advance(ratio, threshold, tau, forms, Lattice(*this, first, round));
      risks.retrained.push_back(paths.evolution().latest().risk);
      tau = next_tau;
      ++round;
    }
    return risks;
  }

 private:
  /// A randomly shifted point set for each atom: evenly spaced in the first round, multiples of the powers of
  /// a generalised golden ratio (Roberts' sequence) in those after it.
  class Lattice {
   public:
    Lattice(const ScalarSchedule& own, Index first, Index round) : round_(round), shift_(own.atoms_.size()) {
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

  Evolution start(double tau) const {
    double signal = 0.0, error = atoms_.noise,
           share = spare_fraction(atoms_.total - n_, n_, schedule_.ridge, tau);
    double overlap = 0.0;
    for (std::size_t i = 0; i < atoms_.size(); ++i) {
      const double sum = atoms_.eigenvalue[i] + tau, a = atoms_.eigenvalue[i] / sum, d = tau / sum;
      const double square = atoms_.count[i] * atoms_.signal[i] * atoms_.signal[i];
      signal += square;
      overlap -= d * square;
      error += d * d * square;
      share += atoms_.count[i] / n_ * a * d;
    }
    return {n_,    SmallMatrix(atoms_.noise), SmallMatrix(signal), SmallMatrix(error),
            share, SmallMatrix(overlap)};
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
      r.push_back((lam + tau) / (rule_ == Rule::magnitude ? std::sqrt(lam) : lam));
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

std::unique_ptr<ScheduleMethod> scalar_schedule(const LinearGaussianProblem& problem, double n,
                                                const Schedule& schedule, Rule rule, std::uint64_t seed) {
  return std::make_unique<ScalarSchedule>(problem, n, schedule, rule, seed);
}

}  // namespace overprune::theory
