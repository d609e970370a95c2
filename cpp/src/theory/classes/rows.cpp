// Analytic losses: the trapezoidal rule, evenly spaced or denser where the integrand bends. Kinked
// losses: Gauss-Legendre panels between the kinks.
#include "theory/classes/rows.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "base/limits.hpp"
#include "base/normal.hpp"
#include "theory/classes/nodes.hpp"

namespace overprune::theory {
namespace {

constexpr double kReach = 8.3;         // standard deviations: P(|h| > 8.3) = 1e-16
constexpr double kPanel = 2.0;         // width of a panel of ten nodes
constexpr double kOwnPanel = 0.5;      // the same for a loss whose kinks are not known
constexpr double kSharedReach = 60.0;  // fields' nodes serve all means within so many deviations

bool is_symmetric(const Loss& loss) { return loss.named(); }  // l(-y, -f) = l(y, f)

/// Calls body(y) for the labels that count; twice the sums of one of them where both are alike.
template <class Body>
double each_label(const Loss& loss, const Body& body) {
  body(1.0);
  if (is_symmetric(loss)) return 2.0;
  body(-1.0);
  return 1.0;
}

/// The fields of label y at which the logistic loss bends: the real parts of the singularities of
/// its prox, whose imaginary parts are +-pi. Between them G is nearly linear, beyond nearly
/// constant.
std::array<double, 2> logistic_bends(double y, double V) {
  const double r = 2.0 * std::asinh(0.5 * std::sqrt(V));
  return {y * (r + V / std::expm1(r)), y * (V / std::expm1(-r) - r)};
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

/// Nodes of the first field over its standard deviation.
void first_nodes(const Loss& loss, double y, double V, const FirstGeometry& geometry,
                 Nodes& nodes) {
  const double narrow = geometry.narrow(), root = geometry.root;
  if (loss.is(NamedLoss::logistic)) {
    std::vector<Bend> bends{Bend::turn(0.0, 1.0 / std::abs(geometry.steep))};
    for (const double bend : logistic_bends(y, V))
      bends.push_back(Bend::pole(bend / root, std::numbers::pi / root));
    nodes.analytic(-kReach, kReach, 1.0, 1.0 / narrow, bends);
  } else if (loss.is(NamedLoss::hinge)) {
    const double end = std::clamp(y / root, -kReach, kReach);
    nodes.panels({y * (1.0 - V) / root}, y > 0.0 ? -kReach : end, y > 0.0 ? end : kReach,
                 kPanel / narrow);
  } else {
    nodes.panels({}, -kReach, kReach, kOwnPanel / narrow);
  }
}

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

/// The rows of the second training, label by label. The second field om2 = mean + width z is
/// integrated over nodes of its own, at which the loss is evaluated once for all first fields.
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
  /// What the second loss does at fields.
  struct Fields {
    Nodes at;
    std::vector<double> push, slope;
  };
  /// One first field: its place, weight, push and slope, and the mean of the second field.
  struct Row {
    double x, weight, push, slope, mean;
  };

  double panel() const { return loss_.named() ? kPanel : kOwnPanel; }

  void add(double y) {
    outer(y);
    evaluate(y, geometry_.first.root, at_.first.V, outer_);
    rows_.clear();
    double low = kInfinity, high = -kInfinity;
    for (std::size_t i = 0; i < outer_.at.x.size(); ++i) {
      const double x = outer_.at.x[i], mean = geometry_.lean * x + V21_ * outer_.push[i];
      rows_.push_back({x, outer_.at.weight[i] * normal::density_by_product(x), outer_.push[i],
                       outer_.slope[i], mean});
      low = std::min(low, mean);
      high = std::max(high, mean);
    }
    const double reach = kReach * geometry_.width;
    const bool shared = high - low <= kSharedReach * geometry_.width;
    if (shared) find_fields(y, low - reach, high + reach);
    for (const Row& row : rows_) {
      if (!shared) find_fields(y, row.mean - reach, row.mean + reach);
      add_row(y, row);
    }
  }

  void outer(double y) {
    const double narrow = std::hypot(1.0, geometry_.along), root = geometry_.first.root;
    std::vector<double> kinks;
    if (loss_.is(NamedLoss::logistic)) {
      std::vector<Bend> bends{Bend::turn(0.0, 1.0 / std::abs(geometry_.along))};
      for (const double bend : logistic_bends(y, at_.first.V)) kinks.push_back(bend / root);
      for (const double kink : kinks) bends.push_back(Bend::pole(kink, std::numbers::pi / root));
      for (const Crossing& crossing : crossings(y, kinks, logistic_bends(y, at_.V22))) {
        const double distance = std::numbers::pi / crossing.slope, reach = 4.0 * distance;
        if (crossing.at > crossing.low - reach && crossing.at < crossing.high + reach)
          bends.push_back(Bend::pole(crossing.at, distance));
      }
      const double steepest =
          std::abs(geometry_.lean) + std::abs(V21_) * root * 0.25 / (1.0 + 0.25 * at_.first.V);
      bends.push_back(Bend::anywhere(std::numbers::pi / std::max(root, steepest)));
      return outer_.at.analytic(-kReach, kReach, 1.0, 1.0 / narrow, bends);
    }
    if (loss_.is(NamedLoss::hinge)) {
      kinks = {y * (1.0 - at_.first.V) / root, y / root};
      for (const Crossing& crossing : crossings(y, kinks, {y * (1.0 - at_.V22), y})) {
        const double scale = geometry_.width / crossing.slope;
        for (const double away : {-8.0, -4.0, -2.0, 0.0, 2.0, 4.0, 8.0}) {
          const double at = crossing.at + away * scale;
          if (scale <= kPanel && at > crossing.low && at < crossing.high) kinks.push_back(at);
        }
      }
    }
    outer_.at.panels(kinks, -kReach, kReach, panel() / narrow);
  }

  /// Where the mean of the second field would meet a kink of the second training, went it on as it
  /// does between two kinks of the first, low and high, on average.
  struct Crossing {
    double at, slope, low, high;
  };
  std::vector<Crossing> crossings(double y, const std::vector<double>& first,
                                  const std::array<double, 2>& second) const {
    std::vector<double> ends{-kReach, kReach};
    for (const double kink : first) ends.push_back(std::clamp(kink, -kReach, kReach));
    std::sort(ends.begin(), ends.end());
    std::vector<Crossing> found;
    for (std::size_t piece = 1; piece < ends.size(); ++piece) {
      const double low = ends[piece - 1], high = ends[piece];
      const double from = mean_field(y, low), slope = (mean_field(y, high) - from) / (high - low);
      if (!(low < high) || slope == 0.0) continue;
      for (const double kink : second) {
        const double at = low + (kink - from) / slope;
        if (std::isfinite(at)) found.push_back({at, std::abs(slope), low, high});
      }
    }
    return found;
  }

  double mean_field(double y, double x) const {
    const double field = geometry_.first.root * x;
    double push = 0.0;
    loss_.push(&y, &field, 1, at_.first.V, &push, nullptr);
    return geometry_.lean * x + V21_ * push;
  }

  void find_fields(double y, double low, double high) {
    const double unit = geometry_.width / std::hypot(1.0, geometry_.across);
    if (loss_.is(NamedLoss::logistic)) {
      std::vector<Bend> bends;
      for (const double bend : logistic_bends(y, at_.V22))
        bends.push_back(Bend::pole(bend, std::numbers::pi));
      fields_.at.analytic(low, high, unit, unit, bends);
    } else if (loss_.is(NamedLoss::hinge)) {  // it does not push where y f > 1
      fields_.at.panels({y * (1.0 - at_.V22)}, y > 0.0 ? low : std::max(low, y),
                        y > 0.0 ? std::min(high, y) : high, panel() * unit);
    } else {
      fields_.at.panels({}, low, high, panel() * unit);
    }
    evaluate(y, 1.0, at_.V22, fields_);
  }

  /// Evaluates the loss at all fields, scale times the nodes.
  void evaluate(double y, double scale, double V, Fields& fields) {
    const auto count = static_cast<Index>(fields.at.x.size());
    field_.resize(count);
    fields.push.resize(count);
    fields.slope.resize(count);
    labels_.assign(count, y);
    for (Index i = 0; i < count; ++i) field_[i] = scale * fields.at.x[i];
    loss_.push(labels_.data(), field_.data(), count, V, fields.push.data(), fields.slope.data());
  }

  void add_row(double y, const Row& row) {
    const double inverse = 1.0 / geometry_.width, reach = kReach * geometry_.width;
    const std::vector<double>& x = fields_.at.x;
    const auto first = std::lower_bound(x.begin(), x.end(), row.mean - reach) - x.begin();
    for (std::size_t j = first; j < x.size() && x[j] <= row.mean + reach; ++j) {
      const double z = (x[j] - row.mean) * inverse,
                   weight =
                       row.weight * fields_.at.weight[j] * inverse * normal::density_by_product(z);
      if (weight < kNothing) continue;
      const double teacher = geometry_.along * row.x + geometry_.across * z, g = fields_.push[j],
                   Z = weight * normal::lower_tail(y * teacher), slope = Z * fields_.slope[j];
      pull_ += weight * y * normal::density_by_product(teacher) / geometry_.spread * g;
      square_ += Z * g * g;
      both_ += Z * row.push * g;
      slope2_ += slope;
      slopes_ += slope * row.slope;
    }
  }

  static constexpr double kNothing = 1e-19;

  const Loss& loss_;
  const SecondFields& at_;
  const SecondGeometry& geometry_;
  double V21_;
  double pull_ = 0.0, square_ = 0.0, both_ = 0.0, slope2_ = 0.0, slopes_ = 0.0;
  Fields outer_, fields_;
  std::vector<Row> rows_;
  std::vector<double> field_, labels_;
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
    first_nodes(loss, y, at.V, geometry, nodes);
    const auto count = static_cast<Index>(nodes.x.size());
    fields.resize(count);
    push.resize(count);
    slope.resize(count);
    labels.assign(count, y);
    for (Index i = 0; i < count; ++i) fields[i] = geometry.root * nodes.x[i];
    loss.push(labels.data(), fields.data(), count, at.V, push.data(), slope.data());
    for (Index i = 0; i < count; ++i) {
      const double teacher = geometry.steep * nodes.x[i],
                   weight = nodes.weight[i] * normal::density_by_product(nodes.x[i]),
                   Z = weight * normal::lower_tail(y * teacher);
      sum.mh += weight * y * normal::density_by_product(teacher) / geometry.spread * push[i];
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
