// Analytic losses: the trapezoidal rule, whose error falls exponentially with the strip of the
// complex plane in which the integrand is analytic. The logistic prox has its poles at +-i pi, for
// every V. Kinked losses: Gauss-Legendre panels between the kinks.
#include "theory/classes/rows.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "base/limits.hpp"
#include "base/normal.hpp"
#include "problem/piecewise.hpp"

namespace overprune::theory {
namespace {

constexpr double kReach = 8.3;         // standard deviations: P(|h| > 8.3) = 1e-16
constexpr double kGaussianStep = 0.8;  // of a Gaussian of unit width: error exp(-2 pi^2 / 0.64)
constexpr double kPoleStep = 0.7;      // of a field: error exp(-2 pi^2 / 0.7)
constexpr double kPanel = 2.0;         // width of a panel of ten nodes
constexpr double kOwnPanel = 0.5;      // the same for a loss whose kinks are not known
constexpr int kNodes = 10;

/// Points x with weights of the standard normal density.
struct Nodes {
  std::vector<double> x, weight;

  void clear() {
    x.clear();
    weight.clear();
  }
  /// The trapezoidal rule.
  void equal(double step) {
    clear();
    const int half = static_cast<int>(kReach / step) + 1;
    for (int i = -half; i <= half; ++i) {
      x.push_back(step * i);
      weight.push_back(step * normal::density_by_product(x.back()));
    }
  }
  /// Panels of at most that width between breaks, of which those out of reach do not count.
  void panels(std::vector<double> breaks, double low, double high, double width) {
    static const QuadratureRule rule = gauss_legendre(kNodes);
    clear();
    low = std::max(low, -kReach);
    high = std::min(high, kReach);
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
          weight.push_back(2.0 * half * rule.weights[k] * normal::density_by_product(x.back()));
        }
    }
  }
};

bool is_symmetric(const Loss& loss) { return loss.named(); }  // l(-y, -f) = l(y, f)

/// Calls body(y) for the labels that count; twice the sums of one of them where both are alike.
template <class Body>
double each_label(const Loss& loss, const Body& body) {
  body(1.0);
  if (is_symmetric(loss)) return 2.0;
  body(-1.0);
  return 1.0;
}

/// d E[y; field] / d m: sqrt(2 / (pi field)).
double label_pull(double field) { return std::sqrt(2.0 / std::numbers::pi / field); }

/// The first training's fields om = root x and the teacher's, given x.
struct FirstGeometry {
  double root = 0.0;    ///< sqrt(q)
  double steep = 0.0;   ///< Z = Phi(y steep x)
  double spread = 0.0;  ///< of the teacher's field
  bool valid = false;

  FirstGeometry(double field, const FirstFields& at) {
    const double rest = field - at.m * at.m / at.q;
    valid = at.q > 0.0 && rest > 0.0 && std::isfinite(at.q) && std::isfinite(at.m);
    if (!valid) return;
    root = std::sqrt(at.q);
    spread = std::sqrt(rest);
    steep = at.m / root / spread;
  }
  double narrow() const { return std::hypot(1.0, steep); }
};

FirstPush square_first(double field, const FirstFields& at) {
  const double pull = label_pull(field), shrink = 1.0 / (1.0 + at.V);
  return {pull * shrink, (1.0 - 2.0 * pull * at.m + at.q) * shrink * shrink, shrink};
}

SecondPush square_second(double field, const SecondFields& at) {
  const double pull = label_pull(field);
  const double e11 = 1.0 - 2.0 * pull * at.first.m + at.first.q,
               e12 = 1.0 - pull * (at.first.m + at.m2) + at.q12,
               e22 = 1.0 - 2.0 * pull * at.m2 + at.q22;
  return {pull * (1.0 - at.b21), e12 - at.b21 * e11,
          e22 - 2.0 * at.b21 * e12 + at.b21 * at.b21 * e11, -at.b21, 1.0};
}

constexpr FirstPush kNoFirst{kNaN, kNaN, kNaN};
constexpr SecondPush kNoSecond{kNaN, kNaN, kNaN, kNaN, kNaN};

/// The largest |dG / d field|.
double steepest(const Loss& loss, double V) {
  return loss.is(NamedLoss::logistic) ? 0.25 / (1.0 + 0.25 * V) : 1.0 / V;
}

/// Both trainings' fields: om1 = root x, om2 = lean x + width z, and the teacher's.
struct SecondGeometry {
  FirstGeometry first;
  double lean = 0.0, width = 0.0;
  double along = 0.0, across = 0.0;  ///< Z = Phi(y (along x + across z))
  double spread = 0.0;
  bool valid = false;

  SecondGeometry(double field, const SecondFields& at) : first(field, at.first) {
    if (!first.valid) return;
    lean = at.q12 / first.root;
    const double left = at.q22 - lean * lean;
    if (!(left > 0.0) || !std::isfinite(left)) return;
    width = std::sqrt(left);
    const double mean = at.first.m / first.root, slope = (at.m2 - mean * lean) / width,
                 rest = first.spread * first.spread - slope * slope;
    valid = rest > 0.0;
    if (!valid) return;
    spread = std::sqrt(rest);
    along = mean / spread;
    across = slope / spread;
  }
};

/// The rows of the second training, label by label.
class SecondRows {
 public:
  SecondRows(const Loss& loss, const SecondFields& at, const SecondGeometry& geometry)
      : loss_(loss), at_(at), geometry_(geometry), V21_(at.b21 / at.Vh) {}

  SecondPush sum() {
    const double times = each_label(loss_, [this](double y) { add(y); });
    return {times * pull_, times * both_ / at_.Vh, times * square_, -times * V21_ * slopes_,
            -times * slope2_};
  }

 private:
  double panel() const { return loss_.named() ? kPanel : kOwnPanel; }

  void outer(double y) {
    const FirstGeometry& first = geometry_.first;
    const double narrow = std::hypot(1.0, geometry_.along);
    if (loss_.smooth()) {
      const double stretch =
          std::max(first.root, std::abs(geometry_.lean) +
                                   std::abs(V21_) * first.root * steepest(loss_, at_.first.V));
      return outer_.equal(std::min(kGaussianStep / narrow, kPoleStep / stretch));
    }
    std::vector<double> breaks;
    if (loss_.is(NamedLoss::hinge)) hinge_breaks(y, breaks);
    outer_.panels(breaks, -kReach, kReach, panel() / narrow);
  }

  /// The kinks of the first training, and where the mean of the second's field meets its own.
  void hinge_breaks(double y, std::vector<double>& breaks) const {
    const double root = geometry_.first.root, V = at_.first.V;
    const double ends[] = {-kReach, y * (1.0 - V) / root, y / root, kReach};
    breaks.push_back(ends[1]);
    breaks.push_back(ends[2]);
    std::vector<double> sorted(std::begin(ends), std::end(ends));
    std::sort(sorted.begin(), sorted.end());
    for (int piece = 0; piece < 3; ++piece) {
      const double a = sorted[piece], b = sorted[piece + 1];
      const double from = mean_field(y, a), to = mean_field(y, b), slope = (to - from) / (b - a);
      if (!(a < b) || slope == 0.0) continue;
      const double scale = geometry_.width / std::abs(slope);
      for (const double kink : {1.0 - at_.V22, 1.0}) {
        const double middle = a + (y * kink - from) / slope;
        if (scale > kPanel || !std::isfinite(middle)) continue;
        for (const double away : {-8.0, -4.0, -2.0, 0.0, 2.0, 4.0, 8.0}) {
          const double at = middle + away * scale;
          if (at > a && at < b) breaks.push_back(at);
        }
      }
    }
  }

  double mean_field(double y, double x) const {
    const double field = geometry_.first.root * x;
    double push = 0.0;
    loss_.push(&y, &field, 1, at_.first.V, &push, nullptr);
    return geometry_.lean * x + V21_ * push;
  }

  void inner(double y, double mean) {
    const double narrow = std::hypot(1.0, geometry_.across), width = geometry_.width;
    if (loss_.smooth()) {
      if (inner_.x.empty()) inner_.equal(std::min(kGaussianStep / narrow, kPoleStep / width));
    } else if (loss_.is(NamedLoss::hinge)) {  // it does not push where y f > 1
      const double end = (y - mean) / width;
      inner_.panels({(y * (1.0 - at_.V22) - mean) / width}, y > 0.0 ? -kReach : end,
                    y > 0.0 ? end : kReach, panel() / narrow);
    } else if (inner_.x.empty()) {
      inner_.panels({}, -kReach, kReach, panel() / narrow);
    }
  }

  void add(double y) {
    outer(y);
    inner_.clear();
    const auto count = static_cast<Index>(outer_.x.size());
    fields_.resize(count);
    push1_.resize(count);
    slope1_.resize(count);
    labels_.assign(count, y);
    for (Index i = 0; i < count; ++i) fields_[i] = geometry_.first.root * outer_.x[i];
    loss_.push(labels_.data(), fields_.data(), count, at_.first.V, push1_.data(), slope1_.data());
    point_.clear();
    fields_.clear();
    for (Index i = 0; i < count; ++i) {
      const double mean = geometry_.lean * outer_.x[i] + V21_ * push1_[i];
      inner(y, mean);
      for (std::size_t j = 0; j < inner_.x.size(); ++j) {
        const double weight = outer_.weight[i] * inner_.weight[j];
        if (weight < kNothing) continue;
        point_.push_back(
            {weight, geometry_.along * outer_.x[i] + geometry_.across * inner_.x[j], i});
        fields_.push_back(mean + geometry_.width * inner_.x[j]);
      }
    }
    add_points(y);
  }

  void add_points(double y) {
    const auto count = static_cast<Index>(point_.size());
    push2_.resize(count);
    slope2s_.resize(count);
    labels_.assign(count, y);
    loss_.push(labels_.data(), fields_.data(), count, at_.V22, push2_.data(), slope2s_.data());
    for (Index j = 0; j < count; ++j) {
      const Point& at = point_[j];
      const double g = push2_[j], Z = at.weight * normal::lower_tail(y * at.teacher);
      pull_ += at.weight * y * normal::density_by_product(at.teacher) / geometry_.spread * g;
      square_ += Z * g * g;
      both_ += Z * push1_[at.outer] * g;
      slope2_ += Z * slope2s_[j];
      slopes_ += Z * slope2s_[j] * slope1_[at.outer];
    }
  }

  struct Point {
    double weight, teacher;
    Index outer;
  };
  static constexpr double kNothing = 1e-19;

  const Loss& loss_;
  const SecondFields& at_;
  const SecondGeometry& geometry_;
  double V21_;
  double pull_ = 0.0, square_ = 0.0, both_ = 0.0, slope2_ = 0.0, slopes_ = 0.0;
  Nodes outer_, inner_;
  std::vector<double> fields_, labels_, push1_, slope1_, push2_, slope2s_;
  std::vector<Point> point_;
};

}  // namespace

FirstPush first_push(const Loss& loss, double field, const FirstFields& at) {
  const FirstGeometry geometry(field, at);
  if (!geometry.valid) return kNoFirst;
  if (loss.is(NamedLoss::square)) return square_first(field, at);
  Nodes nodes;
  FirstPush sum;
  std::vector<double> fields, labels, push, slope;
  const double times = each_label(loss, [&](double y) {
    const double narrow = geometry.narrow(), root = geometry.root;
    if (loss.smooth())
      nodes.equal(std::min(kGaussianStep / narrow, kPoleStep / root));
    else if (loss.is(NamedLoss::hinge))
      nodes.panels({y * (1.0 - at.V) / root}, y > 0.0 ? -kReach : y / root,
                   y > 0.0 ? y / root : kReach, kPanel / narrow);
    else
      nodes.panels({}, -kReach, kReach, kOwnPanel / narrow);
    const auto count = static_cast<Index>(nodes.x.size());
    fields.resize(count);
    push.resize(count);
    slope.resize(count);
    labels.assign(count, y);
    for (Index i = 0; i < count; ++i) fields[i] = root * nodes.x[i];
    loss.push(labels.data(), fields.data(), count, at.V, push.data(), slope.data());
    for (Index i = 0; i < count; ++i) {
      const double teacher = geometry.steep * nodes.x[i],
                   Z = nodes.weight[i] * normal::lower_tail(y * teacher);
      sum.mh +=
          nodes.weight[i] * y * normal::density_by_product(teacher) / geometry.spread * push[i];
      sum.qh += Z * push[i] * push[i];
      sum.Vh -= Z * slope[i];
    }
  });
  return {times * sum.mh, times * sum.qh, times * sum.Vh};
}

SecondPush second_push(const Loss& loss, double field, const SecondFields& at) {
  if (loss.is(NamedLoss::square)) return square_second(field, at);
  const SecondGeometry geometry(field, at);
  if (!geometry.valid || !(at.V22 > 0.0) || !std::isfinite(at.V22 + at.b21)) return kNoSecond;
  return SecondRows(loss, at, geometry).sum();
}

}  // namespace overprune::theory
