#include "theory/classes/second_training.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "base/limits.hpp"
#include "base/pace.hpp"
#include "theory/classes/newton.hpp"
#include "theory/classes/rows.hpp"
#include "theory/dense_law.hpp"

namespace overprune::theory {
namespace {

constexpr double kEnoughTwice = 1e-12;
constexpr double kRidgeFactor = 10.0;  // ridges go down by this factor
constexpr double kLeastCurvature = 1e-13;
constexpr double kShared = 1e-4;  // of q12^2 / q, beside which what q22 has beyond it is unknown
constexpr double kLeastBeyond = 1e-11;  // of q12^2 / q: less changes nothing but rounding
constexpr double kFarAbove = 100.0;     // of the second ridge: the models differ in size
constexpr double kOwnScale = 4.0;       // factor of q22 beyond which its scale is another

/// Means over supports at an effective ridge: traces of Q and Q^2 over n, and forms of Q and Q^2.
struct SupportSums {
  double b = 0.0, B = 0.0;
  std::array<double, Supports::kForms> G{}, K{};

  SupportSums(const Supports& supports, double n, double tau) {
    Pace pace;
    for (std::size_t j = 0; j < supports.value.size(); ++j) {
      pace(16);
      const double inverse = 1.0 / (supports.value[j] + tau), g = supports.value[j] * inverse;
      b += supports.weight[j] * g;
      B += supports.weight[j] * g * g;
      for (int i = 0; i < Supports::kForms; ++i) {
        const double form = supports.forms[i][j] * inverse;
        G[i] += form;
        K[i] += form * g;
      }
    }
    b /= n;
    B /= n;
  }
};

/// Unknowns log V22, b21, what m2 has beyond the first model's share, q12, both in units of a scale
/// of q22, and the logarithm of what q22 has beyond it, w = q22 - q12^2 / q. Where next to nothing
/// was pruned, w is little but rounding: its logarithm is taken with a small part of q12^2 / q.
class SecondEquations {
 public:
  SecondEquations(const Loss& loss, double field, const FirstTraining& first,
                  const Supports& supports, double n, double ridge)
      : loss_(loss), field_(field), first_(first), supports_(supports), n_(n), ridge_(ridge) {
    if (loss.is(NamedLoss::square)) fixed_tau_ = square_tau(supports);
    for (const double value : supports.value) largest_ = std::max(largest_, value);
    at_scale(first.q);
  }

  SecondEquations& at_ridge(double ridge) {
    ridge_ = ridge;
    if (is_square()) fixed_tau_ = square_tau(supports_);
    return *this;
  }

  SecondEquations& at_scale(double q) {
    q_scale_ = std::max(q, 1e-300);
    m_scale_ = std::sqrt(q_scale_ * field_) + 1e-300;
    lean_scale_ = std::sqrt(q_scale_ * first_.q);
    return *this;
  }

  double largest() const { return largest_; }
  double first_ridge() const { return first_.tau * first_.Vh; }
  /// Whether a model is of another size than its equations expect.
  bool is_off_scale(double q) const { return q > kOwnScale * q_scale_ || kOwnScale * q < q_scale_; }

  /// The start itself, or, where no two models have its overlaps, one of its size that is mostly
  /// along the first.
  SecondTraining valid(SecondTraining start) const {
    if (residual(unknowns(start))) return start;
    const double share = std::sqrt(start.q / first_.q);
    start.m = share * first_.m;
    start.q12 = share * first_.q;
    start.q *= 1.1;
    return start;
  }
  Unknowns<5> unknowns(const SecondTraining& law) const {
    return {is_square() ? 0.0 : std::log(law.V), law.b, beyond_m(law) / m_scale_,
            law.q12 / lean_scale_, logarithm(law)};
  }

  /// The law whose fields are in x, after one round of the map; where that leads.
  bool step(const Unknowns<5>& x, SecondTraining& law, Unknowns<5>& out) const {
    return step(x, push(x), supports_, fixed_tau_, law, out);
  }
  /// The same on other supports, where what the rows do is known.
  std::optional<Unknowns<5>> residual(const Unknowns<5>& x, const SecondPush& push,
                                      const Supports& supports) const {
    SecondTraining law;
    Unknowns<5> out{};
    if (!step(x, push, supports, is_square() ? square_tau(supports) : 0.0, law, out))
      return std::nullopt;
    for (int i = 0; i < 5; ++i) out[i] -= x[i];
    return out;
  }
  std::array<double, 2> overlaps(const Unknowns<5>& x) const {
    const double lean = x[3] * x[3] * q_scale_,
                 beyond = (std::exp(x[4]) - kShared * lean) / (1.0 + kShared);
    return {x[2] * m_scale_ + x[3] * lean_scale_ / first_.q * first_.m,
            lean + std::max(beyond, kLeastBeyond * lean)};
  }

  SecondPush push(const Unknowns<5>& x) const {
    SecondFields at;
    at.first = {first_.m, first_.q, is_square() ? 0.0 : first_.V()};
    at.Vh = first_.Vh;
    at.V22 = std::exp(x[0]);
    at.b21 = x[1];
    at.q12 = x[3] * lean_scale_;
    const auto [m2, q22] = overlaps(x);
    at.m2 = m2;
    at.q22 = q22;
    return second_push(loss_, field_, at);
  }

  bool step(const Unknowns<5>& x, const SecondPush& push, const Supports& supports,
            double square_tau, SecondTraining& law, Unknowns<5>& out) const {
    if (!std::isfinite(push.mh + push.both + push.qh + push.pull) || !(push.Vh >= 0.0))
      return false;
    const double Vh = is_square() ? 1.0 : std::max(push.Vh, kLeastCurvature * ridge_ / largest_),
                 tau = is_square() ? square_tau : ridge_ / Vh;
    const SupportSums sums(supports, n_, tau);
    const double w12 = push.both / Vh, c = push.pull / Vh,
                 r = first_.omega > 0.0 ? w12 / first_.omega : 0.0;
    law.tau = tau;
    law.Vh = Vh;
    law.kappa = push.mh / Vh;
    law.along = r;
    law.residual = push.qh / (Vh * Vh) - r * w12;
    law.V = is_square() ? 0.0 : sums.b / Vh;
    law.c = c;
    law.b = x[1];
    const double P[3] = {law.kappa, law.along, -c};
    const auto row = [&](const std::array<double, Supports::kForms>& F, int i) {
      constexpr int at_of[3][3] = {{Supports::uu, Supports::ue, Supports::uf},
                                   {Supports::ue, Supports::ee, Supports::ef},
                                   {Supports::uf, Supports::ef, Supports::ff}};
      return F[at_of[i][0]] * P[0] + F[at_of[i][1]] * P[1] + F[at_of[i][2]] * P[2];
    };
    law.m = row(sums.G, 0);
    const double along = row(sums.G, 1);
    law.q12 = row(sums.G, 2);
    law.q = P[0] * row(sums.K, 0) + P[1] * row(sums.K, 1) + P[2] * row(sums.K, 2) +
            law.residual * sums.B;
    if (supports.first_q > 0.0) follow_first(supports, law);
    const double b21 = first_.omega > 0.0 ? along / first_.omega - r * sums.b : 0.0;
    out = {is_square() ? 0.0 : std::log(law.V), b21, beyond_m(law) / m_scale_,
           law.q12 / lean_scale_, logarithm(law)};
    return std::isfinite(out[0] + out[1] + out[2] + out[3] + out[4]);
  }
  std::optional<Unknowns<5>> residual(const Unknowns<5>& x) const {
    SecondTraining law;
    Unknowns<5> out{};
    if (!step(x, law, out)) return std::nullopt;
    for (int i = 0; i < 5; ++i) out[i] -= x[i];
    return out;
  }

 private:
  bool is_square() const { return loss_.is(NamedLoss::square); }
  /// Samples say what the second model is beyond its share of the first one; the share is of the
  /// first model's law. A sampled overlap beside one of the law could be that of no two models.
  void follow_first(const Supports& supports, SecondTraining& law) const {
    const double share = law.q12 / supports.first_q;
    law.m += share * (first_.m - supports.first_m);
    law.q += share * share * (first_.q - supports.first_q);
    law.q12 = share * first_.q;
  }
  double beyond_m(const SecondTraining& law) const { return law.m - first_.m * law.q12 / first_.q; }
  double logarithm(const SecondTraining& law) const {
    const double lean = law.q12 * law.q12 / first_.q;
    return std::log((law.q - lean) + kShared * law.q);
  }
  double square_tau(const Supports& supports) const {
    const double total = std::accumulate(supports.weight.begin(), supports.weight.end(), 0.0);
    return solve_tau(supports.value, supports.weight, total, n_, ridge_);
  }

  const Loss& loss_;
  double field_;
  const FirstTraining& first_;
  const Supports& supports_;
  double n_, ridge_, fixed_tau_ = 0.0, largest_ = 0.0;
  double q_scale_ = 1.0, m_scale_ = 1.0, lean_scale_ = 1.0;
};

SecondTraining unsolved() {
  SecondTraining law;
  law.m = law.q = law.q12 = law.tau = law.Vh = kNaN;
  return law;
}

/// Solves from x, which receives the solution.
bool solve_at(const SecondEquations& equations, Unknowns<5>& x) {
  return solve_by_newton<5>([&](const Unknowns<5>& y) { return equations.residual(y); }, x,
                            kEnoughTwice)
      .converged;
}

/// Puts what x solves into units of a scale that fits it, and solves it again where they differ.
bool rescale(SecondEquations& equations, SecondTraining& law, Unknowns<5>& x) {
  Unknowns<5> next{};
  if (!equations.step(x, law, next)) return false;
  if (!equations.is_off_scale(law.q)) return true;
  x = equations.at_scale(law.q).unknowns(law);
  return solve_at(equations, x) && equations.step(x, law, next);
}

/// Goes from a ridge at which x solves the equations to a smaller one, in shorter steps where one
/// fails.
bool follow(SecondEquations& equations, double at, double last, Unknowns<5>& x) {
  double step = kRidgeFactor;
  SecondTraining law;
  while (at > last) {
    const double next = std::max(last, at / step);
    Unknowns<5> tried = x;
    if (solve_at(equations.at_ridge(next), tried)) {
      x = tried;
      at = next;
      if (!rescale(equations, law, x)) return false;
    } else {
      step = std::sqrt(step);
      if (step < 1.05) return false;
    }
  }
  return true;
}

/// Solves from `start`, or, where that fails, from a larger ridge at which it does not; x receives
/// the solution, in units of a scale that fits it. Where the first training's ridge is far above,
/// its model is far smaller than the second: the way down begins at that ridge, where they are
/// alike.
SecondTraining solve_from(SecondEquations& equations, const SecondTraining& start, double ridge,
                          Unknowns<5>& x) {
  constexpr double largest = 1e9, least = 1e-8;
  const double last = ridge > 0.0 ? ridge : least * equations.largest();
  double at = equations.first_ridge() > kFarAbove * last ? equations.first_ridge() : ridge;
  const double highest = largest * std::max(last, at);
  while (true) {
    x = equations.at_ridge(at).unknowns(equations.valid(start));
    if (solve_at(equations, x)) break;
    at = std::max(at, 0.1 * last) * kRidgeFactor;
    if (at > highest) return unsolved();
  }
  if (at > ridge) {
    if (!follow(equations, at, last, x)) return unsolved();
    if (!solve_at(equations.at_ridge(ridge), x)) return unsolved();
  }
  SecondTraining law;
  if (!rescale(equations, law, x)) return unsolved();
  law.converged = true;
  return law;
}

SecondTraining with_width(const Loss& loss, const FirstTraining& first, SecondTraining start) {
  if (!(start.V > 0.0)) start.V = loss.is(NamedLoss::square) ? 0.0 : first.V();
  return start;
}

void append(const Supports& from, double factor, Supports& to) {
  for (std::size_t j = 0; j < from.value.size(); ++j) {
    std::array<double, Supports::kForms> forms{};
    for (int i = 0; i < Supports::kForms; ++i) forms[i] = factor * from.forms[i][j];
    to.add(from.value[j], factor * from.weight[j], forms);
  }
}

/// The mean of all groups but one; of all for none.
Supports mean_without(const std::vector<Supports>& groups, std::size_t left_out) {
  const bool all = left_out >= groups.size();
  const double factor = 1.0 / static_cast<double>(groups.size() - (all ? 0 : 1));
  Supports mean;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    if (g == left_out) continue;
    append(groups[g], factor, mean);
    mean.first_m += factor * groups[g].first_m;
    mean.first_q += factor * groups[g].first_q;
  }
  return mean;
}

}  // namespace

SecondTraining solve_second_training(const Loss& loss, double field, const FirstTraining& first,
                                     const Supports& supports, double n, double ridge,
                                     const SecondTraining& start) {
  if (!first.converged) return unsolved();
  Unknowns<5> x{};
  SecondEquations equations(loss, field, first, supports, n, ridge);
  return solve_from(equations, with_width(loss, first, start), ridge, x);
}

SampledTraining::SampledTraining(const Loss& loss, double field, const FirstTraining& first,
                                 const std::vector<Supports>& groups, double n, double ridge,
                                 const SecondTraining& start)
    : law_(unsolved()) {
  if (!first.converged) return;
  const Supports all = mean_without(groups, groups.size());
  SecondEquations equations(loss, field, first, all, n, ridge);
  Unknowns<5> x{};
  law_ = solve_from(equations, with_width(loss, first, start), ridge, x);
  if (!law_.converged || groups.size() < 2) return;
  const auto residual = [&](const Unknowns<5>& y) { return equations.residual(y); };
  const std::optional<Unknowns<5>> at = residual(x);
  std::array<Unknowns<5>, 5> J{};
  if (!at || !differences<5>(residual, x, *at, J)) return;
  const SecondPush push = equations.push(x);
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const auto there = equations.residual(x, push, mean_without(groups, g));
    Unknowns<5> step{}, moved = x;
    if (!there || !eliminate<5>(J, *there, step)) continue;
    for (int i = 0; i < 5; ++i) moved[i] -= step[i];
    without_.push_back(equations.overlaps(moved));
  }
}

}  // namespace overprune::theory
