// Gaussian paths of single coordinates, for pruning in rounds of independent features;
// docs/theory.md, section 8.
//
// A path is the sequence e_0, e_1, ... of one coordinate that survives. The latest field f = u + e
// - sum c w is Gaussian given the path before it, so its survival and its truncated moments are
// exact; only then is it drawn, from its law given survival, and the path's weight multiplied by
// the probability of surviving. No path is lost, thresholds keep exactly the expected number, and a
// schedule of one round needs no draws at all.
//
// Where the signal is far above the noise, coordinates that survive all rounds are left out of u
// (see Remainder): of their fields what is beyond u is kept.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "base/normal.hpp"
#include "base/pace.hpp"
#include "base/root.hpp"
#include "theory/remainder.hpp"
#include "theory/rounds/evolution.hpp"
#include "theory/rounds/rounds.hpp"

namespace overprune::theory {

/// Moments of a standard normal z where mean + deviation z lies outside [-T, T].
struct Outside {
  double below, above;  // probabilities of either side
  double first, second;

  Outside(double mean, double deviation, double T) {
    const double low = (-T - mean) / deviation, high = (T - mean) / deviation;
    below = normal::upper_tail(-low);
    above = normal::upper_tail(high);
    const double at_low = normal::density_by_product(low),
                 at_high = normal::density_by_product(high);
    first = at_high - at_low;
    second = below + above + (std::isfinite(high) ? high * at_high - low * at_low : 0.0);
  }
  double probability() const { return below + above; }
  /// z given that it survives, by a uniform number.
  double draw(double uniform) const {
    const double rank = uniform * probability();
    return rank < below ? -normal::upper_quantile(rank)
                        : normal::upper_quantile(probability() - rank);
  }
};

/// Sums over the survivors of one atom, Z = constant + y (0 ... 1 ... df) with y the spread of the
/// latest field, in the columns of the latest e and w.
struct AtomSums {
  explicit AtomSums(Index columns)
      : latest_e((columns - 1) / 2),
        latest_w(columns - 1),
        squares(columns, columns),
        constant(columns),
        sums(columns) {}

  void clear() {
    fill(squares, 0.0);
    std::fill(sums.begin(), sums.end(), 0.0);
    number = 0.0;
  }

  /// One path, whose y has these moments on its survival.
  void add(double M0, double M1, double M2, double df) {
    number += M0;
    const Index columns = squares.cols();
    for (Index q = 0; q < columns; ++q)
      for (Index p = 0; p <= q; ++p) squares(p, q) += M0 * constant[p] * constant[q];
    for (Index p = 0; p < columns; ++p) {
      squares(std::min(p, latest_e), std::max(p, latest_e)) += M1 * constant[p];
      squares(std::min(p, latest_w), std::max(p, latest_w)) += M1 * df * constant[p];
      sums[p] += M0 * constant[p];
    }
    squares(latest_e, latest_e) += M1 * constant[latest_e] + M2;
    squares(latest_w, latest_w) += M1 * df * constant[latest_w] + M2 * df * df;
    squares(latest_e, latest_w) += M2 * df;
    sums[latest_e] += M1;
    sums[latest_w] += M1 * df;
  }

  /// Adds the atom's part to the forms of Q = g. @param bias  Q u - u of a survivor
  void finish(double g, double bias, Forms& total) {
    const Index columns = squares.cols();
    for (Index q = 0; q < columns; ++q)
      for (Index p = 0; p < q; ++p) squares(q, p) = squares(p, q);
    total.first.add(g, squares);
    total.second.add(g * g, squares);
    for (Index p = 0; p < columns && bias != 0.0; ++p) {
      total.first(p, 0) += bias * sums[p];
      total.second(p, 0) += bias * g * sums[p];
      total.second(0, p) += bias * g * sums[p];
    }
    total.second(0, 0) += bias * bias * number;
    total.first_trace += g * number;
    total.second_trace += g * g * number;
  }

  Index latest_e, latest_w;
  OwnedMatrix squares;  // (columns, columns) Z'Z
  std::vector<double> constant, sums;
  double number = 0.0;
};

/// The Gaussian paths of one set of draws, at one round of the schedule.
class Paths {
 public:
  /// @param certain  (atoms) those that are left out of u
  Paths(const ScheduleAtoms& atoms, const std::vector<char>& certain, const Indices& points,
        Index rounds, Evolution evolution)
      : atoms_(atoms),
        certain_(certain),
        points_(points),
        rounds_(rounds),
        evolution_(std::move(evolution)) {
    Pace pace;
    for (std::size_t a = 0; a < atoms.size(); ++a)
      for (Index j = 0; j < points[a]; ++j, pace(4)) {
        mean_.push_back(signal(a));
        weight_.push_back(atoms.count[a] / static_cast<double>(points[a]));
      }
    memory_.assign(mean_.size(), 0.0);
    past_.assign(mean_.size() * 2 * static_cast<std::size_t>(rounds), 0.0);
    widen();
  }

  const Evolution& evolution() const { return evolution_; }

  /// The t with sum P(|f| > t ratio) = s: on a logarithmic scale the rarer of survival and loss is
  /// nearly linear at either end.
  /// @param ratio  (atoms) threshold of |f| for t = 1
  double threshold(const std::vector<double>& ratio, double s, const Poll& poll) const {
    double total = 0.0, high = 0.0;
    each_path([&](std::size_t i, std::size_t a, Index) {
      total += weight_[i];
      if (!certain_[a]) high = std::max(high, (std::abs(mean_[i]) + 9.0 * deviation_) / ratio[a]);
    });
    if (high == 0.0) return 0.0;
    const bool rare = s <= 0.5 * total;
    const auto excess = [&](double t) -> Sample {
      poll_now(poll);
      double number = 0.0, slope = 0.0;
      each_path([&](std::size_t i, std::size_t a, Index) {
        const double T = limit(ratio, t, a);
        const double below = (-T - mean_[i]) / deviation_, above = (T - mean_[i]) / deviation_;
        const double survives = normal::upper_tail(-below) + normal::upper_tail(above);
        number += weight_[i] * (rare ? survives : 1.0 - survives);
        slope += weight_[i] * T / deviation_ *
                 (normal::density_by_product(below) + normal::density_by_product(above));
      });
      const double value = std::log(number / (rare ? s : total - s)) * (rare ? 1.0 : -1.0);
      return {value, t * std::exp(value * number / slope)};
    };
    constexpr double rounding = 4.0 * std::numeric_limits<double>::epsilon(),
                     far = std::numeric_limits<double>::infinity();  // long steps do no harm here
    return falling_root(excess, high * 1e-30, high, high * 0.1, 1e-13, rounding, far);
  }

  /// Expected survivors of each atom.
  std::vector<double> survivors(const std::vector<double>& ratio, double t) const {
    std::vector<double> result(atoms_.size(), 0.0);
    each_path([&](std::size_t i, std::size_t a, Index) {
      result[a] += weight_[i] * Outside(mean_[i], deviation_, limit(ratio, t, a)).probability();
    });
    return result;
  }

  /// Atoms that were held to be certain and are not.
  std::vector<char> lost(const std::vector<double>& ratio, double t) const {
    std::vector<char> found(atoms_.size(), 0);
    each_path([&](std::size_t i, std::size_t a, Index) {
      const double field = std::abs(mean_[i] + left_out(a));
      if (certain_[a] && !(field - kBeyond * deviation_ > t * ratio[a])) found[a] = 1;
    });
    return found;
  }

  /// The sums over the survivors of the next round, which regularises by tau.
  /// @param field_tau  of the round that the field belongs to
  Forms forms(const std::vector<double>& ratio, double t, double field_tau, double tau) const {
    const Index columns = 1 + 2 * evolution_.rounds();
    Forms total(columns);
    AtomSums own(columns);
    std::size_t i = 0;
    Pace pace;
    for (std::size_t a = 0; a < atoms_.size(); ++a) {
      const double lam = atoms_.eigenvalue[a], u = signal(a), known = left_out(a);
      const double g = lam / (lam + tau), gf = lam / (lam + field_tau),
                   df = field_tau / (lam + field_tau);
      own.clear();
      total.pruned += atoms_.count[a] * u * u;
      for (Index j = 0; j < points_[a]; ++j, ++i) {
        pace(64);
        const Outside z(mean_[i], deviation_, limit(ratio, t, a));
        const double M0 = weight_[i] * z.probability(), M1 = weight_[i] * z.first * deviation_,
                     M2 = weight_[i] * z.second * deviation_ * deviation_;
        if (M0 == 0.0) continue;
        // f = mean + y, and u_t = gf f for the survivors: (gf f - u)^2 less u^2. What is left out
        // is shrunk, too.
        const double shrunk = gf * mean_[i] - df * known;
        total.pruned +=
            (shrunk - 2.0 * u) * shrunk * M0 + 2.0 * (shrunk - u) * gf * M1 + gf * gf * M2;
        fill_constant(i, a, df, own.constant);
        own.add(M0, M1, M2, df);
      }
      own.finish(g, -tau / (lam + tau) * known, total);  // Q u - u of a survivor
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
      const double u = signal(a);
      const Outside z(mean_[i], deviation_, limit(ratio, t, a));
      weight_[i] *= z.probability();
      if (weight_[i] < 1e-300) {
        weight_[i] = mean_[i] = memory_[i] = 0.0;
        return;
      }
      const double field = mean_[i] + deviation_ * z.draw(uniform(a, j, points_[a]));
      e(i, r - 1) = field + memory_[i] - u;
      w(i, r - 1) =
          memory_[i] + field_tau / (atoms_.eigenvalue[a] + field_tau) * (field + left_out(a));
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
  /// Z of path i without the spread of the latest field: e_t = f + memory - u, w_t = memory + df f.
  void fill_constant(std::size_t i, std::size_t a, double df, std::vector<double>& constant) const {
    const Index r = evolution_.rounds();
    const double u = signal(a);
    constant[0] = u;
    for (Index l = 0; l + 1 < r; ++l) {
      constant[1 + l] = e(i, l);
      constant[1 + r + l] = w(i, l);
    }
    constant[r] = mean_[i] + memory_[i] - u;
    constant[2 * r] = memory_[i] + df * (mean_[i] + left_out(a));
  }

  template <class Body>
  void each_path(const Body& body) const {
    std::size_t i = 0;
    Pace pace;
    for (std::size_t a = 0; a < points_.size(); ++a)
      for (Index j = 0; j < points_[a]; ++j, ++i, pace(64)) body(i, a, j);
  }

  double signal(std::size_t a) const { return certain_[a] ? 0.0 : atoms_.signal[a]; }    // u'
  double left_out(std::size_t a) const { return certain_[a] ? atoms_.signal[a] : 0.0; }  // u - u'
  /// The smallest |f| of a survivor.
  double limit(const std::vector<double>& ratio, double t, std::size_t a) const {
    return certain_[a] ? 0.0 : t * ratio[a];
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
  const std::vector<char>& certain_;
  Indices points_;  // (atoms) paths of each
  Index rounds_;    // of pruning
  Evolution evolution_;
  double deviation_ = 1.0;                      // of f given the path
  std::vector<double> mean_, memory_, weight_;  // of f less what is left out; sum c w; of the path
  std::vector<double> past_;                    // e_0, e_1, ..., w_0, w_1, ...
};

}  // namespace overprune::theory
