#include "theory/classes/nodes.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/limits.hpp"
#include "problem/piecewise.hpp"

namespace overprune::theory {
namespace {

constexpr double kGaussianStep = 0.8;  // of a Gaussian of unit width: error exp(-2 pi^2 / 0.64)
constexpr double kPoleStep = 0.7;      // of a pole at +- i pi: error exp(-2 pi^2 / 0.7)
constexpr double kGradedStep = 0.4;    // of a strip of half width pi / 2: error exp(-pi^2 / 0.4)
constexpr int kNodes = 10;             // of a panel

/// The map t(x) in which points are evenly spaced. Its inverse takes the strip |Im t| < pi / 2 to
/// where the integrand is analytic: a bend's singularities at +- i width are those of asinh.
class Grading {
 public:
  Grading(double unit, const std::vector<Bend>& bends)
      : slowest_(kGaussianStep / kGradedStep * unit), bends_(bends) {}

  double operator()(double x) const {
    double t = x / slowest_;
    for (const Bend& bend : bends_) t += bend.density * std::asinh((x - bend.at) / bend.width);
    return t;
  }
  double slope(double x) const {
    double slope = 1.0 / slowest_;
    for (const Bend& bend : bends_) slope += bend.density / std::hypot(x - bend.at, bend.width);
    return slope;
  }
  /// The x beyond `from` with t(x) = t(from) + step, by Newton's method in a bracket.
  double next(double from, double t) const {
    double low = from, high = from + (t - (*this)(from)) * slowest_, x = low;
    for (int i = 0; i < 100; ++i) {
      const double error = (*this)(x)-t, step = error / slope(x);
      (error > 0.0 ? high : low) = x;
      if (std::abs(error) < 1e-7) return x - step;
      x -= step;
      if (!(x > low && x < high)) x = 0.5 * (low + high);
    }
    return x;
  }

 private:
  double slowest_;
  const std::vector<Bend>& bends_;
};

}  // namespace

Bend Bend::pole(double at, double distance) {
  return {at, distance, 1.0, kPoleStep / std::numbers::pi * distance};
}

Bend Bend::anywhere(double distance) { return {0.0, kInfinity, 0.0, pole(0.0, distance).step}; }

Bend Bend::turn(double at, double width) { return {at, 2.0 * width, 3.0, kGaussianStep * width}; }

void Nodes::panels(std::vector<double> breaks, double low, double high, double width) {
  static const QuadratureRule rule = gauss_legendre(kNodes);
  x.clear();
  weight.clear();
  if (!(low < high)) return;
  breaks.push_back(low);
  breaks.push_back(high);
  std::sort(breaks.begin(), breaks.end());
  for (std::size_t i = 1; i < breaks.size(); ++i) {
    const double start = std::clamp(breaks[i - 1], low, high),
                 end = std::clamp(breaks[i], low, high);
    if (!(start < end)) continue;
    const int count = static_cast<int>(std::ceil((end - start) / width));
    const double half = 0.5 * (end - start) / count;
    for (int j = 0; j < count; ++j)
      for (int k = 0; k < kNodes; ++k) {
        x.push_back(start + half * (2 * j + 1 + rule.nodes[k]));
        weight.push_back(2.0 * half * rule.weights[k]);
      }
  }
}

void Nodes::analytic(double low, double high, double unit, double even,
                     const std::vector<Bend>& bends) {
  const Grading grading(unit, bends);
  double step = kGaussianStep * even;
  for (const Bend& bend : bends) step = std::min(step, bend.step);
  if ((high - low) / step <= (grading(high) - grading(low)) / kGradedStep)
    equal(low, high, step);
  else
    graded(low, high, unit, bends);
}

void Nodes::equal(double low, double high, double step) {
  x.clear();
  for (double i = std::floor(low / step); i * step < high + step; i += 1.0) x.push_back(i * step);
  weight.assign(x.size(), step);
}

void Nodes::graded(double low, double high, double unit, const std::vector<Bend>& bends) {
  const Grading grading(unit, bends);
  x.clear();
  weight.clear();
  double at = low;
  for (double i = std::ceil(grading(low) / kGradedStep); at < high; i += 1.0) {
    at = grading.next(at, i * kGradedStep);
    x.push_back(at);
    weight.push_back(kGradedStep / grading.slope(at));
  }
}

}  // namespace overprune::theory
