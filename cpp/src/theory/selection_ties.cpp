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

constexpr double kSharp = 1e4;  // signals beyond this many deviations of their noise are sharp
constexpr double kFar = 40.0;   // standard deviations beyond which nothing happens

class SharpThreshold {
 public:
  /// @param base  (atoms) scores before they shrink by law.a
  /// @param u, r  (atoms) as in Selection
  /// @param t     the threshold but for rounding errors of u
  SharpThreshold(const Atoms& atoms, const DenseLaw& law, double scale, std::vector<double> base,
                 const std::vector<double>& u, const std::vector<double>& r, double t)
      : atoms_(atoms), law_(law), scale_(scale), base_(std::move(base)), u_(u), r_(r) {
    for (std::size_t i = 0; i < atoms.size(); ++i) {
      if (u[i] > kSharp) {
        sharp_.push_back(static_cast<Index>(i));
        if (std::abs(t * r[i] - u[i]) < kFar + 1e-13 * u[i])
          close_.push_back(static_cast<Index>(i));
      } else {
        blunt_u_.push_back(u[i]);
        blunt_r_.push_back(r[i]);
        blunt_count_.push_back(atoms.count[i]);
      }
    }
    std::sort(close_.begin(), close_.end(), [&](Index a, Index b) { return gap(a, b) > 0.0; });
  }

  /// Whether any sharp atom is near the threshold.
  bool matters() const { return !close_.empty(); }

  /// The threshold with s survivors. Newton's method with bisection for its distance from the
  /// anchor, which may have either sign or be 0: `falling_root` is for positive numbers alone.
  double find(double s) {
    auto [low, high] = bracket(s);
    const double unit = 1.0 / r_[anchor_];
    above_ = low == 0.0 ? std::min(unit, high) : std::max(-unit, low);
    double last = atoms_.total;
    for (int iteration = 0; iteration < 2000; ++iteration) {
      const Number number = survivors(anchor_, above_);
      const double error = std::abs(number.kept - s);
      if (error <= 1e-16 * atoms_.total) break;
      (number.kept > s ? low : high) = above_;
      double next = above_ + (number.kept - s) / number.slope;
      if (!(next > low && next < high) || error > 0.5 * last) next = 0.5 * (low + high);
      if (std::abs(next - above_) * r_[anchor_] < 1e-15 || next == low || next == high) break;
      last = error;
      above_ = next;
    }
    return score(anchor_) + above_;
  }

  /// Survival of the sharp atoms at the threshold found.
  void correct(Kept& kept) const {
    for (const Index i : sharp_) {
      const double alpha = r_[i] * (gap(anchor_, i) + above_),
                   near = normal::density_by_product(alpha);
      kept.share[i] = normal::upper_tail(alpha);
      kept.dropped[i] = normal::upper_tail(-alpha);
      kept.drift[i] = near > 0.0 ? u_[i] * near : 0.0;
      kept.excess[i] = near > 0.0 ? alpha * near : 0.0;
      kept.rest[i] = kept.dropped[i] - kept.excess[i];
    }
  }

 private:
  struct Number {
    double kept, slope;  // slope: minus the derivative
  };

  double score(Index m) const { return base_[m] * law_.a[m] / scale_; }
  /// Score of m less that of i; a score is base lam / (lam + tau).
  double gap(Index m, Index i) const {
    const double* lam = atoms_.eigenvalue;
    return ((base_[m] - base_[i]) * law_.a[m] +
            base_[i] * ((lam[m] - lam[i]) / (lam[m] + law_.tau)) * law_.d[i]) /
           scale_;
  }

  /// Survivors where the threshold is `above` over the score of m.
  Number survivors(Index m, double above) const {
    double sums[3];
    const double threshold = score(m) + above;
    kernels::active().truncated_sums(static_cast<kernels::Size>(blunt_u_.size()), threshold,
                                     blunt_r_.data(), blunt_u_.data(), blunt_count_.data(), sums);
    Number number{sums[0], sums[2] / threshold};
    for (const Index i : sharp_) {
      const double alpha = r_[i] * (gap(m, i) + above);
      number.kept += atoms_.count[i] * normal::upper_tail(alpha);
      number.slope += atoms_.count[i] * r_[i] * normal::density_by_product(alpha);
    }
    return number;
  }

  /// Chooses the anchor, the nearest of the close atoms; the distance lies in what is returned.
  std::pair<double, double> bracket(double s) {
    const auto below = std::partition_point(close_.begin(), close_.end(),
                                            [&](Index m) { return survivors(m, 0.0).kept < s; });
    if (below == close_.begin()) {
      anchor_ = close_.front();
      return {0.0, 2.0 * kFar / r_[anchor_] + 1e-12 * score(anchor_)};
    }
    if (below == close_.end()) {
      anchor_ = close_.back();
      return {-2.0 * kFar / r_[anchor_] - 1e-12 * score(anchor_), 0.0};
    }
    const Index upper = *(below - 1), lower = *below;
    const double half = 0.5 * gap(upper, lower);
    const bool near_upper = survivors(upper, -half).kept >= s;
    anchor_ = near_upper ? upper : lower;
    return near_upper ? std::pair(-half, 0.0) : std::pair(0.0, half);
  }

  const Atoms& atoms_;
  const DenseLaw& law_;
  double scale_;
  std::vector<double> base_;
  const std::vector<double>&u_, &r_;
  Indices sharp_, close_;                                // close: by falling score
  std::vector<double> blunt_u_, blunt_r_, blunt_count_;  // the others
  Index anchor_ = 0;
  double above_ = 0.0;  // distance of the threshold from the anchor's score
};

}  // namespace

double Selection::refine(double t, double s, Kept& kept) const {
  if (!(largest_ > kSharp)) return t;
  std::vector<double> base;
  for (std::size_t i = 0; i < atoms_.size(); ++i) base.push_back(base_score(i));
  SharpThreshold sharp(atoms_, law_, scale_, std::move(base), u_, r_, t);
  if (!sharp.matters()) return t;
  const double threshold = sharp.find(s);
  truncate(threshold, r_, u_, kept);
  sharp.correct(kept);
  return threshold;
}

}  // namespace overprune::theory
