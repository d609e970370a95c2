#include "theory/dense_law.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/pace.hpp"
#include "base/root.hpp"
#include "kernels/table.hpp"

namespace overprune::theory {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// The fixed point as a falling function of tau that is close to linear in log tau,
///
///     log( (ridge n / tau + sum w a) / n ) - log( sum w d / (sum w - n + ridge n / tau) ),
///
/// exactly so for equal eigenvalues without ridge. Near the root both logarithms are those of 1
/// plus the balance sum w a + ridge n / tau - n, whose sums are split at lam = tau: what is left of
/// the weights cancels exactly, so the relative error of the root stays at rounding for any
/// spectrum.
struct Balance {
  std::size_t size;
  const double *eigenvalue, *weight;
  double over, n, ridge;

  Sample operator()(double tau) const {
    double sums[6];
    kernels::active().resolvent_sums(static_cast<kernels::Size>(size), tau, eigenvalue, weight,
                                     sums);
    const double push = ridge / tau * n, target = over + push;  // target: sum w d at the root
    const double balance = ((over - sums[0]) - sums[1]) + ((sums[3] + push) - sums[2]);
    const double damped = sums[2] + sums[5];  // sum w d
    if (!(target > 0.0)) return {-kInfinity, tau};
    const bool near = std::abs(balance) < 0.1 * std::min(n, target);
    const double value =
        near ? std::log1p(balance / n) - std::log1p(-balance / target)
             : std::log(std::max((n + balance) / n, 1e-300)) - std::log(damped / target);
    const double slope = (sums[4] + push) / (n + balance) + push / target + sums[4] / damped;
    return {value, tau * std::exp(value / slope)};
  }
};

}  // namespace

double solve_tau(std::size_t size, const double* eigenvalue, const double* weight, double over,
                 double n, double ridge) {
  if (ridge == 0.0 && over <= 0.0) return 0.0;
  double sum = 0.0, smallest = kInfinity, largest = 0.0;
  Pace pace;
  for (std::size_t i = 0; i < size; ++i) {
    pace(1);
    if (weight[i] == 0.0) continue;
    sum += weight[i] * eigenvalue[i];
    smallest = std::min(smallest, eigenvalue[i]);
    largest = std::max(largest, eigenvalue[i]);
  }
  if (sum == 0.0) return ridge;
  if (!std::isfinite(ridge + sum)) return kNaN;
  const double low = std::max({ridge, smallest * (over / n), std::numeric_limits<double>::min()});
  double high = ridge + sum / n;
  // sum w d >= 0 bounds tau where there are fewer coordinates than samples.
  if (over < 0.0) high = std::min(high, ridge * (n / -over));
  const Balance balance{size, eigenvalue, weight, over, n, ridge};
  // Equal eigenvalues without ridge: the lower bound is the root.
  const double tau =
      low >= high || balance(low).value <= 0.0
          ? low
          : falling_root(balance, low, high, std::sqrt(low) * std::sqrt(high), 0.0, 1e-12);
  return std::isfinite(largest + tau) ? tau : kNaN;
}

double common_tau(const std::vector<double>& values, double supports, double n, double ridge) {
  return solve_tau(values, std::vector<double>(values.size(), 1.0 / supports),
                   static_cast<double>(values.size()) / supports, n, ridge);
}

double spare_fraction(double over, double n, double ridge, double tau) {
  return tau > 0.0 ? ridge / tau : -over / n;
}

double inflate(double error, double share) {
  if (std::isnan(error) || std::isnan(share)) return kNaN;
  if (error == 0.0) return 0.0;
  return share > 0.0 ? error / share : kInfinity;
}

DenseLaw dense_law(const Atoms& atoms, double n, double ridge) {
  const std::size_t size = atoms.size();
  DenseLaw law;
  law.tau = solve_tau(size, atoms.eigenvalue, atoms.count.data(), atoms.total - n, n, ridge);
  law.a.assign(size, 1.0);
  look();
  law.d.assign(size, 0.0);
  double error = 0.0, share = 0.0;
  if (law.tau != 0.0) {  // NaN likewise
    Pace pace;
    for (std::size_t i = 0; i < size; ++i) {
      pace(1);
      const double sum = atoms.eigenvalue[i] + law.tau;
      law.a[i] = atoms.eigenvalue[i] / sum;
      law.d[i] = law.tau / sum;
      const double bias = law.d[i] * atoms.signal[i];
      error += atoms.count[i] * bias * bias;
      // 1 - sum a^2 / n = (1 - sum a / n) + sum a d / n
      share += atoms.count[i] * law.a[i] * law.d[i];
    }
  }
  law.risk =
      inflate(atoms.noise + error, spare_fraction(atoms.total - n, n, ridge, law.tau) + share / n);
  return law;
}

}  // namespace overprune::theory
