// Thresholds among coordinates whose noise is tiny against their signal.
//
// T - u loses as many digits as u has, in units of the noise, and equal coefficients compete by
// their noise however little there is of it. Here the threshold is told as its distance from the
// score of one atom, and distances between scores are differences of the coefficients and of the
// variances, which are known to the last digit.
#include <algorithm>
#include <cmath>

#include "base/normal.hpp"
#include "kernels/table.hpp"
#include "theory/selection.hpp"

namespace overprune::theory {
namespace {

constexpr double kFar = 40.0;  // standard deviations beyond which nothing happens

}  // namespace

double Selection::refine(double t, double s, Kept& kept) const {
  const std::size_t size = atoms_.size();
  Indices sharp, close;
  std::vector<double> u, r, count;  // the others
  for (std::size_t i = 0; i < size; ++i) {
    if (u_[i] > kSharp) {
      sharp.push_back(static_cast<Index>(i));
      if (std::abs(t * r_[i] - u_[i]) < kFar + 1e-13 * u_[i])
        close.push_back(static_cast<Index>(i));
    } else {
      u.push_back(u_[i]);
      r.push_back(r_[i]);
      count.push_back(atoms_.count[i]);
    }
  }
  if (close.empty()) return t;
  const double* base = rule_ == Rule::magnitude ? atoms_.coefficient : atoms_.signal;
  const double* lam = atoms_.eigenvalue;
  // Score of m less that of i; a score is base lam / (lam + tau).
  const auto gap = [&](Index m, Index i) {
    return ((base[m] - base[i]) * law_.a[m] +
            base[i] * ((lam[m] - lam[i]) / (lam[m] + law_.tau)) * law_.d[i]) /
           scale_;
  };
  const auto score = [&](Index m) { return base[m] * law_.a[m] / scale_; };
  std::sort(close.begin(), close.end(), [&](Index a, Index b) { return gap(a, b) > 0.0; });

  struct Number {
    double kept, slope;  // slope: minus the derivative
  };
  // Survivors where the threshold is `above` over the score of m.
  const auto survivors = [&](Index m, double above) {
    double sums[3];
    const double threshold = score(m) + above;
    kernels::active().truncated_sums(static_cast<kernels::Size>(u.size()), threshold, r.data(),
                                     u.data(), count.data(), sums);
    Number number{sums[0], sums[2] / threshold};
    for (const Index i : sharp) {
      const double alpha = r_[i] * (gap(m, i) + above);
      number.kept += atoms_.count[i] * normal::upper_tail(alpha);
      number.slope += atoms_.count[i] * r_[i] * normal::density_by_product(alpha);
    }
    return number;
  };

  // Between which two scores, and nearer to which.
  const auto below = std::partition_point(close.begin(), close.end(),
                                          [&](Index m) { return survivors(m, 0.0).kept < s; });
  Index anchor;
  double low, high;
  if (below == close.begin()) {
    anchor = close.front();
    low = 0.0;
    high = 2.0 * kFar / r_[anchor] + 1e-12 * score(anchor);
  } else if (below == close.end()) {
    anchor = close.back();
    low = -2.0 * kFar / r_[anchor] - 1e-12 * score(anchor);
    high = 0.0;
  } else {
    const Index upper = *(below - 1), lower = *below;
    const double half = 0.5 * gap(upper, lower);
    const bool near_upper = survivors(upper, -half).kept >= s;
    anchor = near_upper ? upper : lower;
    low = near_upper ? -half : 0.0;
    high = near_upper ? 0.0 : half;
  }
  double above = low == 0.0 ? std::min(1.0 / r_[anchor], high) : std::max(-1.0 / r_[anchor], low);
  double last = atoms_.total;
  for (int iteration = 0; iteration < 2000; ++iteration) {
    const Number number = survivors(anchor, above);
    const double error = std::abs(number.kept - s);
    if (error <= 1e-16 * atoms_.total) break;
    (number.kept > s ? low : high) = above;
    double next = above + (number.kept - s) / number.slope;
    if (!(next > low && next < high) || error > 0.5 * last) next = 0.5 * (low + high);
    if (std::abs(next - above) * r_[anchor] < 1e-15 || next == low || next == high) break;
    last = error;
    above = next;
  }

  const double threshold = score(anchor) + above;
  kernels::active().truncated(static_cast<kernels::Size>(size), threshold, r_.data(), u_.data(),
                              kept.share.data(), kept.dropped.data(), kept.drift.data(),
                              kept.excess.data(), kept.rest.data());
  for (const Index i : sharp) {
    const double alpha = r_[i] * (gap(anchor, i) + above), near = normal::density_by_product(alpha);
    kept.share[i] = normal::upper_tail(alpha);
    kept.dropped[i] = normal::upper_tail(-alpha);
    kept.drift[i] = near > 0.0 ? u_[i] * near : 0.0;
    kept.excess[i] = near > 0.0 ? alpha * near : 0.0;
    kept.rest[i] = kept.dropped[i] - kept.excess[i];
  }
  return threshold;
}

}  // namespace overprune::theory
