#include "theory/lasso_law.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/limits.hpp"
#include "base/normal.hpp"
#include "base/root.hpp"
#include "theory/atom_sums.hpp"

namespace overprune::theory {
namespace {

// Without noise the signal counts as recovered where q would fall below this share of it.
constexpr double kRecovered = 1e-26;
constexpr int kWidenings = 64;  // of the bracket of q, each by kWider
constexpr double kWider = 16.0;

/// Solves q = right_side(q) for log q: a falling function, by the slope of the last two points.
template <class RightSide>
double solve_risk(const RightSide& right_side, double low, double high, double start) {
  double last_log = 0.0, last_value = kNaN;
  const auto excess = [&](double q) -> Sample {
    const double right = right_side(q), value = std::log(right / q), log = std::log(q);
    const double slope = (value - last_value) / (log - last_log);
    last_log = log;
    last_value = value;
    return {value, slope < 0.0 ? q * std::exp(-value / slope) : right};
  };
  return falling_root(excess, low, high, start, 1e-15, 1e-14);
}

}  // namespace

LassoLaw::LassoLaw(const Atoms& atoms, double n, double ridge)
    : atoms_(atoms), n_(n), ridge_(ridge), a_(atoms.size(), 1.0), d_(atoms.size(), 0.0) {
  null_ = atoms.noise + block_sums<1>(atoms.size(), [&](std::size_t i, auto& sum) {
            sum[0] += atoms.count[i] * atoms.signal[i] * atoms.signal[i];
          })[0];
  for (std::vector<double>* part : {&root_, &u_, &r_, &weight_}) part->resize(atoms.size());
  if (atoms.gaussian) spread_.resize(atoms.size());
  for (std::size_t i = 0; i < atoms.size(); ++i) root_[i] = 1.0 / std::sqrt(atoms.eigenvalue[i]);
}

LassoLaw::Pull LassoLaw::pull(std::size_t i) const {
  const double share = kept_.share[i], threshold = t_ * root_[i];
  if (share == 0.0) return {0.0, 0.0};
  const double square = threshold * threshold * share;
  if (!spread_.empty() && spread_[i] > 0.0)
    return {square, (1.0 + spread_[i] * spread_[i]) * kept_.drift[i]};
  return {square, u_[i] * threshold * (share - 2.0 * normal::upper_tail(threshold + u_[i]))};
}

/// The sum over coordinates of E(u1 - u)^2 in units of the noise of v.
double LassoLaw::excess() const {
  const double *in = kept_.signal_kept(), *out = kept_.signal_dropped();
  return block_sums<1>(atoms_.size(), [&](std::size_t i, auto& sum) {
    const double u = atoms_.signal[i] / scale_, a = a_[i], d = d_[i], drift = kept_.drift[i];
    const auto [square, signal] = pull(i);
    sum[0] +=
        atoms_.count[i] * (u * u * (out[i] + d * d * in[i]) +
                           a * (a * (kept_.share[i] + square - kept_.excess[i] - 2.0 * drift) -
                                2.0 * d * (drift - signal)));
  })[0];
}

double LassoLaw::right_side(double q, double s) {
  const std::size_t size = atoms_.size();
  scale_ = std::sqrt(q / n_);
  for (std::size_t i = 0; i < size; ++i) {
    const double u = atoms_.signal[i] / scale_;
    const bool gaussian = atoms_.gaussian && atoms_.gaussian[i];
    u_[i] = gaussian ? 0.0 : u;
    r_[i] = gaussian ? root_[i] / std::hypot(1.0, u) : root_[i];
    if (atoms_.gaussian) spread_[i] = gaussian ? u : 0.0;
  }
  const Range range = range_of(size, atoms_.count.data(), u_.data(), r_.data(), atoms_.total);
  t_ = solve_threshold(size, atoms_.count.data(), u_.data(), r_.data(), atoms_.total, s, range);
  truncate(t_, r_, u_, kept_);
  kept_.energy_kept.clear();
  kept_.energy_dropped.clear();
  if (atoms_.gaussian) add_gaussians(atoms_, spread_, r_, t_, kept_);
  if (ridge_ > 0.0) {
    for (std::size_t i = 0; i < size; ++i) weight_[i] = atoms_.count[i] * kept_.share[i];
    tau_ = solve_tau(size, atoms_.eigenvalue, weight_.data(), s - n_, n_, ridge_);
    for (std::size_t i = 0; i < size; ++i) {
      a_[i] = Shrinkage(atoms_.eigenvalue[i], tau_).g;
      d_[i] = Shrinkage(atoms_.eigenvalue[i], tau_).lost;
    }
  }
  return atoms_.noise + q / n_ * excess();
}

void LassoLaw::take_all() {
  all_ = true;
  const DenseLaw law = dense_law(atoms_, n_, ridge_);
  risk_ = law.risk;
  penalty_ = 0.0;
}

bool LassoLaw::solve(double s) {
  const double most = n_ * (1.0 + 4.0 * std::numeric_limits<double>::epsilon());
  if (ridge_ == 0.0 && std::min(s, atoms_.total) > most) return false;
  all_ = false;
  total_ = std::abs(s - n_) < most - n_ ? n_ : s;
  if (s >= atoms_.total * (1.0 - 1e-14)) {
    take_all();
    return true;
  }
  const auto right = [&](double q) { return right_side(q, total_); };
  const double low = std::max(atoms_.noise, kRecovered * null_);
  if (null_ == 0.0 || !(right(low) > low)) {
    risk_ = penalty_ = 0.0;
    return true;
  }
  double high = null_;
  for (int widening = 0; right(high) > high; ++widening) {
    if (widening == kWidenings) {
      risk_ = kInfinity;
      return true;
    }
    high *= kWider;
  }
  risk_ = solve_risk(right, low, high, high);
  right_side(risk_, total_);
  penalty_ = t_ * scale_ * spare_fraction(total_ - n_, n_, ridge_, tau_);
  return true;
}

double LassoLaw::recovered(double tau2, double spare) const {
  const double *in = kept_.signal_kept(), *out = kept_.signal_dropped();
  const auto sums = block_sums<2>(atoms_.size(), [&](std::size_t i, auto& sum) {
    const double u = atoms_.signal[i];
    const auto [g, lost] = Shrinkage(atoms_.eigenvalue[i], tau2);
    sum[0] += atoms_.count[i] * u * u * (out[i] + in[i] * lost * lost);
    sum[1] += atoms_.count[i] * kept_.share[i] * g * lost;
  });
  return inflate(atoms_.noise + sums[0], spare + sums[1] / n_);
}

double LassoLaw::retrained(double ridge) const {
  if (all_) return dense_law(atoms_, n_, ridge).risk;
  if (null_ == 0.0) return 0.0;
  if (risk_ == kInfinity) return kInfinity;
  const std::size_t size = atoms_.size();
  double tau2 = 0.0;
  if (ridge > 0.0 || total_ > n_) {
    std::vector<double> weight(size);
    for (std::size_t i = 0; i < size; ++i) weight[i] = atoms_.count[i] * kept_.share[i];
    tau2 = solve_tau(size, atoms_.eigenvalue, weight.data(), total_ - n_, n_, ridge);
  }
  const double spare = spare_fraction(total_ - n_, n_, ridge, tau2);
  if (tau2 == 0.0 && spare == 0.0) return kInfinity;
  if (risk_ == 0.0) return recovered(tau2, spare);
  // Eqs. (34) and (35) over q, with u in units of the noise of v.
  const double *in = kept_.signal_kept(), *out = kept_.signal_dropped();
  const auto sums = block_sums<6>(size, [&](std::size_t i, auto& sum) {
    const double u = atoms_.signal[i] / scale_, a = a_[i], d = d_[i], w = atoms_.count[i];
    const double share = kept_.share[i], drift = kept_.drift[i], excess = kept_.excess[i];
    const auto [g, lost] = Shrinkage(atoms_.eigenvalue[i], tau2);
    const auto [square, signal] = pull(i);
    sum[0] += w * g * (excess + drift + d * share);
    sum[1] += w * g * excess;
    sum[2] += w * g * drift;
    sum[3] += w * (a * lost * share + g * drift);
    sum[4] += w * g *
              (a * d * (share - 2.0 * signal) + a * a * (excess + drift - square) -
               d * d * (drift + u * u * in[i]));
    sum[5] += w * (u * u * (out[i] + lost * d * in[i]) - lost * a * (drift - signal));
  });
  const double first = spare_fraction(total_ - n_, n_, ridge_, tau_);
  const double c_c = spare + sums[0] / n_, c_rho = -sums[1] / n_, c_right = sums[2] / n_;
  const double rho_rho = first + sums[3] / n_, rho_c = sums[4] / n_;
  const double rho_right = atoms_.noise / risk_ + sums[5] / n_;
  const double determinant = c_c * rho_rho - c_rho * rho_c;
  const double rho = (c_c * rho_right - rho_c * c_right) / determinant;
  const double c = (c_right * rho_rho - rho_right * c_rho) / determinant;
  const auto errors = block_sums<2>(size, [&](std::size_t i, auto& sum) {
    const double u = atoms_.signal[i] / scale_, share = kept_.share[i];
    const double drift = kept_.drift[i], excess = kept_.excess[i];
    const auto [g, lost] = Shrinkage(atoms_.eigenvalue[i], tau2);
    const auto [square, signal] = pull(i);
    // Kept coordinates have the mean error -shrink u + slope h - pulled T sign(v).
    const double cd = c * d_[i], shrink = lost + g * cd, slope = g * (rho - cd);
    const double pulled = g * c * a_[i];
    sum[0] += atoms_.count[i] *
              (u * u * (out[i] + shrink * shrink * in[i]) - 2.0 * shrink * slope * drift +
               slope * slope * excess - g * g * cd * (2.0 * rho - cd) * share +
               pulled * (pulled * square + 2.0 * shrink * signal - 2.0 * slope * (excess + drift)));
    sum[1] += atoms_.count[i] * share * g * lost;
  });
  return inflate(atoms_.noise + risk_ / n_ * errors[0], spare + errors[1] / n_);
}

}  // namespace overprune::theory
