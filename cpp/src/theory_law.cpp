#include "theory_law.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace overprune::theory {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

struct Sample {
  double value;  ///< positive left of the root
  double slope;  ///< minus the derivative in log x, >= 0
};

/// Root in [low, high] of a function that falls with x: Newton in log x, bisection where Newton leaves the
/// bracket or stops halving the error. Ends at |value| <= enough, or where rounding, `noise` relative to x,
/// rules.
template <class Function>
double falling_root(const Function& function, double low, double high, double enough, double noise) {
  double x = std::sqrt(low) * std::sqrt(high), last = kInfinity;
  for (int iteration = 0; iteration < 200; ++iteration) {
    const Sample sample = function(x);
    const double error = std::abs(sample.value), step = sample.value / sample.slope;
    if (error <= enough) break;
    const bool slow = error > 0.5 * last;
    if (std::abs(step) <= (slow ? noise : kEpsilon)) break;
    (sample.value > 0.0 ? low : high) = x;
    if (high <= low * (1.0 + 2.0 * kEpsilon)) break;
    const double next = x * std::exp(step);
    const bool newton = next > low && next < high && !slow;
    x = newton ? next : std::sqrt(low) * std::sqrt(high);
    last = newton ? error : kInfinity;
  }
  return x;
}

/// Compensated sum of terms of one sign.
class Sum {
 public:
  void add(double term) {
    const double corrected = term - carry_, next = value_ + corrected;
    carry_ = (next - value_) - corrected;
    value_ = next;
  }
  double value() const { return value_; }

 private:
  double value_ = 0.0, carry_ = 0.0;
};

/// Sums of the fixed point, split at lam = tau: what is left of the integers cancels exactly, so the relative
/// error of the root stays at rounding for any spectrum.
Sample fixed_point_balance(const std::vector<double>& eigenvalue, const std::vector<double>& weight, double n,
                           double ridge, double tau) {
  Sum whole, above, below;
  double slope = ridge / tau * n;
  above.add(slope);
  for (std::size_t i = 0; i < eigenvalue.size(); ++i) {
    const double lam = eigenvalue[i], w = weight[i], sum = lam + tau;
    const double a = lam / sum, d = tau / sum;
    slope += w * a * d;
    if (lam > tau) {
      whole.add(w);
      below.add(w * d);
    } else {
      above.add(w * a);
    }
  }
  return {(whole.value() - n) + (above.value() - below.value()), slope};
}

double upper_tail(double x) { return 0.5 * std::erfc(x * std::sqrt(0.5)); }
double density(double x) { return std::exp(-0.5 * x * x) * 0.3989422804014327; }

struct Moments {
  double share, dropped, drift, excess;
};

/// Truncated moments of u + h at threshold T, u >= 0; see Kept.
Moments truncated(double u, double T) {
  const double alpha = T - u, gamma = T + u;
  const double tail = upper_tail(std::abs(alpha)), far = upper_tail(gamma);
  const double share = alpha < 0.0 ? 1.0 - tail + far : tail + far;
  const double dropped = alpha < 0.0 ? tail - far : 1.0 - tail - far;
  // phi(gamma) = phi(alpha) exp(-2 T u): no difference of nearly equal densities.
  const double near = density(alpha), fall = -std::expm1(-2.0 * T * u);
  return {share, std::max(dropped, 0.0), u * near * fall, near * (alpha + gamma * (1.0 - fall))};
}

/// Threshold problem: in units of the noise of v, atom i survives where |u_i + h| > t r_i.
struct Threshold {
  const std::vector<double>& count;
  std::vector<double> u, r;
  double total, s;

  /// The rarer of the two events is counted, on a log scale: nearly linear in log t at either end.
  Sample operator()(double t) const {
    const bool rare = s <= 0.5 * total;
    double number = 0.0, slope = 0.0;
    for (std::size_t i = 0; i < count.size(); ++i) {
      const Moments m = truncated(u[i], t * r[i]);
      number += count[i] * (rare ? m.share : m.dropped);
      slope += count[i] * (m.drift + m.excess);  // T (phi(alpha) + phi(gamma)) = -d M0 / d log T
    }
    if (!(number > 0.0)) return {rare ? -kInfinity : kInfinity, 1.0};
    const double value = std::log(number / (rare ? s : total - s));
    return {rare ? value : -value, slope / number};
  }

  double solve() const {
    double weighted = 0.0, high = 0.0;
    for (std::size_t i = 0; i < count.size(); ++i) {
      weighted += count[i] * r[i];
      high = std::max(high, (u[i] + 8.0) / r[i]);  // P(|h| > 8) = 1e-15: nothing survives
    }
    const double low = (total - s) / (0.8 * weighted);  // P(|u + h| < T) <= 0.8 T
    // The rounding of the sums, relative to the smaller of the two counts.
    const double tolerance = 1e-14 + kEpsilon * total / std::min(s, total - s);
    return falling_root(*this, std::min(low, high), high, tolerance, 4.0 * kEpsilon);
  }

  Kept survivors(double t) const {
    Kept kept;
    kept.selected = true;
    for (std::size_t i = 0; i < count.size(); ++i) {
      const Moments m = truncated(u[i], t * r[i]);
      kept.share.push_back(m.share);
      kept.dropped.push_back(m.dropped);
      kept.drift.push_back(m.drift);
      kept.excess.push_back(m.excess);
      kept.total += count[i] * m.share;
    }
    return kept;
  }
};

/// part * a + (1 - part) * b
Kept mix(double part, Kept a, const Kept& b) {
  for (const auto member : {&Kept::share, &Kept::dropped, &Kept::drift, &Kept::excess})
    for (std::size_t i = 0; i < a.share.size(); ++i)
      (a.*member)[i] = part * (a.*member)[i] + (1.0 - part) * (b.*member)[i];
  return a;
}

/// Shares that fill up s survivors in order of falling score; scores equal to rounding share what is left.
std::vector<double> fill(const Atoms& atoms, const std::vector<double>& score, double s) {
  std::vector<std::size_t> order(atoms.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return score[a] > score[b]; });
  std::vector<double> survivors(atoms.size(), 0.0);
  for (std::size_t first = 0, last = 0; first < order.size() && s > 0.0; first = last) {
    double tied = 0.0;
    for (; last < order.size() && score[order[last]] >= score[order[first]] * (1.0 - 1e-12); ++last)
      tied += atoms.count[order[last]];
    const double share = std::min(1.0, s / tied);
    for (std::size_t i = first; i < last; ++i) survivors[order[i]] = share * atoms.count[order[i]];
    s -= tied;
  }
  return survivors;
}

/// T_i = t r_i: the score of v_i as a multiple of |v_i|, inverted.
std::vector<double> threshold_ratios(const Atoms& atoms, double tau, Rule rule) {
  std::vector<double> r(atoms.size());
  for (std::size_t i = 0; i < atoms.size(); ++i) {
    const double lam = atoms.eigenvalue[i];
    r[i] = (lam + tau) / (rule == Rule::magnitude ? std::sqrt(lam) : lam);
  }
  return r;
}

}  // namespace

double solve_tau(const std::vector<double>& eigenvalue, const std::vector<double>& weight, double total,
                 double n, double ridge) {
  if (ridge == 0.0 && total <= n) return 0.0;
  double sum = 0.0, smallest = kInfinity;
  for (std::size_t i = 0; i < eigenvalue.size(); ++i) {
    if (weight[i] == 0.0) continue;
    sum += weight[i] * eigenvalue[i];
    smallest = std::min(smallest, eigenvalue[i]);
  }
  if (sum == 0.0) return ridge;
  const double low = std::max({ridge, smallest * (total - n) / n, std::numeric_limits<double>::min()});
  const double high = ridge + sum / n;
  const auto balance = [&](double tau) { return fixed_point_balance(eigenvalue, weight, n, ridge, tau); };
  // Equal eigenvalues without ridge: the lower bound is the root.
  if (balance(low).value <= 0.0) return low;
  return falling_root(balance, low, high, 0.0, 1e-12);
}

double spare_fraction(double total, double n, double ridge, double tau) {
  return tau > 0.0 ? ridge / tau : (n - total) / n;
}

double inflate(double error, double share) {
  if (error == 0.0) return 0.0;
  return share > 0.0 ? error / share : kInfinity;
}

DenseLaw dense_law(const Atoms& atoms, double n, double ridge) {
  const double tau = solve_tau(atoms.eigenvalue, atoms.count, atoms.total, n, ridge);
  double error = atoms.noise, share = spare_fraction(atoms.total, n, ridge, tau);
  for (std::size_t i = 0; i < atoms.size(); ++i) {
    const double sum = atoms.eigenvalue[i] + tau, a = atoms.eigenvalue[i] / sum, d = tau / sum;
    const double bias = d * atoms.signal[i];
    error += atoms.count[i] * bias * bias;
    share += atoms.count[i] / n * a * d;  // 1 - sum a^2 / n = (1 - sum a / n) + sum a d / n
  }
  return {tau, inflate(error, share)};
}

Kept keep_fixed(const Atoms& atoms, const std::vector<double>& survivors) {
  Kept kept;
  kept.drift.assign(atoms.size(), 0.0);
  kept.excess.assign(atoms.size(), 0.0);
  for (std::size_t i = 0; i < atoms.size(); ++i) {
    kept.share.push_back(survivors[i] / atoms.count[i]);
    kept.dropped.push_back((atoms.count[i] - survivors[i]) / atoms.count[i]);
    kept.total += survivors[i];
  }
  return kept;
}

Kept keep_largest(const Atoms& atoms, const DenseLaw& law, double n, Rule rule, double s) {
  const double scale = std::sqrt(law.risk / n);
  Threshold threshold{atoms.count, atoms.signal, threshold_ratios(atoms, law.tau, rule), atoms.total, s};
  double largest = 0.0;
  for (double& u : threshold.u) {
    u /= scale;  // 0 / 0 where v has no noise and the coordinate no signal: caught below
    largest = std::isfinite(u) ? std::max(largest, u) : kInfinity;
  }
  if (!(largest < 1e150)) {  // no noise to speak of: v = u
    std::vector<double> score(atoms.size());
    for (std::size_t i = 0; i < atoms.size(); ++i) score[i] = atoms.signal[i] / threshold.r[i];
    Kept kept = keep_fixed(atoms, fill(atoms, score, s));
    kept.total = s;
    return kept;
  }
  const double t = threshold.solve();
  Kept kept = threshold.survivors(t);
  if (std::abs(kept.total - s) > 1e-9 * s) {  // v has so little noise that no double t keeps exactly s: a tie
    const Kept more = threshold.survivors(t * (1.0 - 8.0 * kEpsilon));
    const Kept fewer = threshold.survivors(t * (1.0 + 8.0 * kEpsilon));
    const double part = (s - fewer.total) / (more.total - fewer.total);
    kept = mix(std::clamp(part, 0.0, 1.0), more, fewer);
  }
  kept.total = s;
  if (law.risk == kInfinity) {  // v is pure noise, and in the limit its survivors say nothing about the data
    kept.selected = false;
    kept.drift.assign(atoms.size(), 0.0);
    kept.excess.assign(atoms.size(), 0.0);
  }
  return kept;
}

}  // namespace overprune::theory
