// Pruning in rounds of correlated features: draws of all coordinates at once.
//
// Everything is kept in the features' own coordinates: for x in the white ones the column F x, F F'
// = Sigma, and of that only the rows of the survivors. There <Q x, y> = (F x)_S' (Sigma_SS +
// tau)^{-1} (F y)_S. Where the signal is far above the noise, features that all draws keep in all
// rounds are left out of u, and theta is less what they have: see Remainder and SupportForms.
#include <algorithm>
#include <cmath>
#include <utility>

#include "overprune/random.hpp"
#include "problem/covariance_root.hpp"
#include "theory/remainder.hpp"
#include "theory/rounds/evolution.hpp"
#include "theory/rounds/pilot.hpp"
#include "theory/rounds/rounds.hpp"
#include "theory/rule_scores.hpp"

namespace overprune::theory {
namespace {

/// One draw: the survivors, and the columns that the rounds have left on their rows.
struct Draw {
  Indices support;
  Index rank = 0;           // of Sigma_SS
  bool same_model = false;  // the latest round dropped coefficients that are zero
  bool same_span = false;   // or features that the others span
  Buffer memory, solution, model;
  Block z;      // (s, (1 + 2 r) m) F[u' | e_0 ... | w_0 ...]
  Block y;      // (s, (2 + 2 r) m) (Sigma_SS + tau)^{-1} [z | noise], F u' - tau beta_C for F u'
  Block noise;  // (s, m) F h of the coming round
  Block e;      // (s, m) F e of the latest round
  Block theta;  // (s, m) coefficients of the latest round, less beta_C
};

/// A thread's memory.
struct Workspace {
  CovarianceRoot solver;
  Buffer sigma, normals, noise, rotated, product, cross, z;
  std::vector<double> scores, weights;
};

class CorrelatedSchedule final : public ScheduleMethod {
 public:
  CorrelatedSchedule(std::shared_ptr<const FirstStage> first, const Schedule& schedule, Rule rule,
                     std::uint64_t seed)
      : first_(std::move(first)), schedule_(schedule), rule_(rule), seed_(seed) {}

  Index first_draws() const override { return 128; }
  Index most_draws() const override {
    const double k = static_cast<double>(features()), m = static_cast<double>(targets());
    double operations = 0.0, before = k;
    for (const Index count : schedule_.nonzeros) {
      const double s = static_cast<double>(count);
      // and gathers, far slower
      operations += 2.0 * k * k * m + s * s * s / 3.0 + 20.0 * s * before;
      before = s;
    }
    const double rounds = static_cast<double>(schedule_.nonzeros.size());
    const double first = static_cast<double>(schedule_.nonzeros.front());
    return affordable_draws(operations, 8.0 * m * (3.0 * k + (4.0 + 4.0 * rounds) * first));
  }
  bool pools() const override { return true; }

  void prepare(const ForEach& for_each, const Poll& poll) override {
    std::vector<Regularisation> found(schedule_.nonzeros.size());
    bool needed = false;
    for (const Index s : schedule_.nonzeros) needed = needed || needs_tau(s);
    if (needed) run(0, 4 * kPilotSupports, for_each, poll, &found);
    regularisations_ = std::move(found);
  }

  Rounds run(Index first, Index count, const ForEach& for_each, const Poll& poll) const override {
    return run(first, count, for_each, poll, nullptr);
  }

 private:
  bool needs_tau(Index s) const {
    return schedule_.retrain_ridge > 0.0 || static_cast<double>(s) > first_->n;
  }

  /// @param pilot  null, or receives the regularisation of each round, found on the way
  Rounds run(Index first, Index count, const ForEach& for_each, const Poll& poll,
             std::vector<Regularisation>* pilot) const {
    Indices kept = certain_survivors(score_bounds(first_->basis, first_->law, first_->n, rule_),
                                     schedule_.nonzeros.back());
    while (true) {
      const Remainder remainder(first_->basis, first_->law, kept);
      Rounds risks = run(first, count, for_each, poll, pilot, remainder, kept);
      if (kept.size() == remainder.kept().size()) return risks;
    }
  }

  /// @param kept  the remainder's; those that a draw has dropped are taken out, and then there are
  /// no risks
  Rounds run(Index first, Index count, const ForEach& for_each, const Poll& poll,
             std::vector<Regularisation>* pilot, const Remainder& remainder, Indices& kept) const {
    Evolution evolution = start(remainder);
    Rounds risks{{first_->law.risk}, {first_->law.risk}};
    std::vector<Draw> draws(count);
    double tau = first_->law.tau;
    for (std::size_t t = 0; t < schedule_.nonzeros.size(); ++t) {
      const Index s = schedule_.nonzeros[t];
      if (s == features() && schedule_.ridge == schedule_.retrain_ridge) {  // nothing is pruned
        risks.pruned.push_back(risks.retrained.back());
        risks.retrained.push_back(risks.retrained.back());
        continue;
      }
      std::vector<Forms> forms = prune_all(first, s, for_each, evolution, remainder, draws);
      if (lose(draws, kept)) return {};
      if (pilot && needs_tau(s)) (*pilot)[t] = regularisation(draws, for_each);
      const Regularisation next = pilot ? (*pilot)[t] : regularisations_[t];
      const double last_tau = std::exchange(tau, next.tau);
      solve_all(first, tau, t + 1 == schedule_.nonzeros.size(), for_each, evolution, remainder,
                draws, forms);
      advance(mean_of(forms, next), draws, last_tau, tau, evolution, risks);
      poll_now(poll);
    }
    return risks;
  }

  Evolution start(const Remainder& remainder) const {
    OwnedMatrix overlap(targets(), targets());
    overlap.add(-1.0, remainder.shift());
    return {first_->n,         first_->basis.noise(), OwnedMatrix(remainder.energy()),
            first_->law.error, first_->law.share,     overlap};
  }

  /// Trains every draw for the latest round and prunes it to s.
  std::vector<Forms> prune_all(Index first, Index s, const ForEach& for_each,
                               const Evolution& evolution, const Remainder& remainder,
                               std::vector<Draw>& draws) const {
    const Index count = static_cast<Index>(draws.size()), rounds = evolution.rounds();
    std::vector<Forms> forms(count, Forms(targets() * (1 + 2 * rounds)));
    for_each(count, [&]() -> Task {
      auto own = std::make_shared<Workspace>();
      return [&, own](Index i, const Poll&) {
        if (rounds == 1)
          train(draws[i], first + i, evolution.latest(), remainder, *own);
        else
          retrain(draws[i], evolution);
        forms[i].pruned = prune(draws[i], s, rounds, remainder, *own);
      };
    });
    return forms;
  }

  /// Solves the equations of the next round in every draw.
  void solve_all(Index first, double tau, bool last, const ForEach& for_each,
                 const Evolution& evolution, const Remainder& remainder, std::vector<Draw>& draws,
                 std::vector<Forms>& forms) const {
    for_each(static_cast<Index>(draws.size()), [&]() -> Task {
      auto own = std::make_shared<Workspace>();
      return [&, own](Index i, const Poll&) {
        if (!last) draw_noise(draws[i], first + i, evolution.rounds(), *own);
        solve(draws[i], tau, last, remainder, forms[i], *own);
      };
    });
  }

  /// That of the first few supports.
  Regularisation regularisation(const std::vector<Draw>& draws, const ForEach& for_each) const {
    std::vector<std::vector<double>> values(kPilotSupports);
    for_each(kPilotSupports, [&]() -> Task {
      return [&](Index i, const Poll&) { values[i] = first_->basis.eigenvalues(draws[i].support); };
    });
    return common_regularisation(values, first_->n, schedule_.retrain_ridge);
  }

  static Forms mean_of(const std::vector<Forms>& forms, const Regularisation& next) {
    Forms mean(forms.front().first.rows());
    for (const Forms& one : forms) mean.add(1.0 / static_cast<double>(forms.size()), one);
    if (next.tau > 0.0) {
      mean.first_trace = next.first_trace;
      mean.second_trace = next.second_trace;
    }
    return mean;
  }

  void advance(const Forms& mean, const std::vector<Draw>& draws, double last_tau, double tau,
               Evolution& evolution, Rounds& risks) const {
    const auto all = [&](bool Draw::* same) {
      return std::all_of(draws.begin(), draws.end(), [&](const Draw& draw) { return draw.*same; });
    };
    const bool same_model = std::abs(tau - last_tau) <= 1e-9 * tau && all(&Draw::same_model);
    const bool same_span = tau == 0.0 && last_tau == 0.0 && all(&Draw::same_span);
    const double before = risks.retrained.back();
    risks.pruned.push_back(
        same_model || std::isinf(before) ? before : trace(first_->basis.noise()) + mean.pruned);
    if (same_model || same_span)
      evolution.repeat();
    else
      evolution.advance(mean);
    risks.retrained.push_back(evolution.latest().risk);
  }

  Index features() const { return first_->basis.features(); }
  Index targets() const { return first_->basis.targets(); }

  /// h (r, m) of a round, with columns of length sqrt(r), every second draw the negative of the one
  /// before.
  Block normals_of(Index draw, Index round, Workspace& own) const {
    const Index r = first_->basis.rank(), m = targets();
    const Block h = own.normals.block(r, m);
    standard_normal({seed_, static_cast<std::uint64_t>(draw / 2), Purpose::paths},
                    static_cast<std::uint64_t>(round * features() * m), r * m, h.data);
    for (Index t = 0; t < m; ++t) {
      const double scale = std::sqrt(static_cast<double>(r) / norm2(h.columns(t, 1)));
      for (Index i = 0; i < r; ++i) h(i, t) *= draw % 2 == 0 ? scale : -scale;
    }
    return first_->basis.coordinates(h, own.rotated);
  }

  /// Takes features out of `kept` that are not in all supports; whether there are any.
  bool lose(const std::vector<Draw>& draws, Indices& kept) const {
    if (kept.empty()) return false;
    std::vector<std::size_t> count(features(), 0);
    for (const Draw& draw : draws)
      for (const Index i : draw.support) ++count[i];
    return std::erase_if(kept, [&](Index i) { return count[i] < draws.size(); }) > 0;
  }

  /// The dense model of one draw.
  void train(Draw& draw, Index number, const Round& round, const Remainder& remainder,
             Workspace& own) const {
    const Index k = features(), m = targets();
    const Block h = normals_of(number, 0, own);
    draw.support.resize(k);
    draw.rank = first_->basis.rank();
    for (Index i = 0; i < k; ++i) draw.support[i] = i;
    draw.z = draw.memory.block(k, m);
    copy(remainder.cross(), draw.z);
    const Block model = draw.model.block(k, 2 * m);
    draw.e = model.columns(0, m);
    draw.theta = model.columns(m, m);
    const Block e = own.product.block(draw.rank, m);
    multiply(h, round.root, e);
    first_->basis.root().apply(e, draw.e);
    first_->law.solver.apply(e, draw.theta);
    for (Index t = 0; t < m; ++t)
      for (Index i = 0; i < k; ++i) draw.theta(i, t) += remainder.mean()(i, t);
  }

  /// The retrained model of one draw, whose equations are solved.
  void retrain(Draw& draw, const Evolution& evolution) const {
    const Index s = draw.z.rows, m = targets(), k = (evolution.rounds() - 1) * m;
    const Round& round = evolution.latest();
    const Block model = draw.model.block(s, 2 * m);
    draw.e = model.columns(0, m);
    draw.theta = model.columns(m, m);
    multiply(draw.z.columns(m, k), round.rho, draw.e);
    multiply(draw.noise, round.root, draw.e, 1.0, 1.0);
    copy(draw.y.columns(0, m), draw.theta);
    multiply(draw.y.columns(m, k), round.rho, draw.theta, 1.0, 1.0);
    OwnedMatrix minus(k, m);
    minus.add(-1.0, round.c);
    multiply(draw.y.columns(m + k, k), minus, draw.theta, 1.0, 1.0);
    multiply(draw.y.columns(m + 2 * k, m), round.root, draw.theta, 1.0, 1.0);
  }

  /// Keeps the s largest scores and the rows that belong to them; returns the excess risk of the
  /// pruned model.
  double prune(Draw& draw, Index s, Index rounds, const Remainder& remainder,
               Workspace& own) const {
    const Index before = static_cast<Index>(draw.support.size()), m = targets();
    const Indices rows = largest(draw, s, remainder, own);
    Indices support;
    for (const Index i : rows) support.push_back(draw.support[i]);
    // w = u + e - Sigma theta on the survivors.
    const Block cross = own.cross.block(s, before), explained = own.product.block(s, m);
    first_->basis.gather(support, draw.support, cross);
    multiply(cross, draw.theta, explained);
    const Block z = own.z.block(s, m + 2 * rounds * m);
    append_round(draw, rows, explained, z);
    // |F'theta_S - u'|^2 = theta_S'Sigma_SS theta_S - 2 theta_S'(F u')_S + u'^2, target by target.
    const Block sigma = own.sigma.block(s, s), kept = own.rotated.block(s, m);
    for (Index j = 0; j < s; ++j) std::copy_n(cross.col(rows[j]), s, sigma.col(j));
    for (Index t = 0; t < m; ++t)
      for (Index i = 0; i < s; ++i) kept(i, t) = draw.theta(rows[i], t);
    multiply(sigma, kept, explained);
    double excess = trace(remainder.energy());
    for (Index t = 0; t < m; ++t)
      for (Index i = 0; i < s; ++i) excess += kept(i, t) * (explained(i, t) - 2.0 * z(i, t));
    draw.z = draw.memory.block(s, z.cols);
    copy(z, draw.z);
    draw.support = std::move(support);
    return std::max(excess, 0.0);
  }

  /// The rows of the s largest scores, ascending. Notes whether the others' coefficients are zero.
  Indices largest(Draw& draw, Index s, const Remainder& remainder, Workspace& own) const {
    const Index before = static_cast<Index>(draw.support.size()), m = targets();
    OwnedMatrix whole(draw.theta);
    for (Index t = 0; t < m && !remainder.whole(); ++t)
      for (Index i = 0; i < before; ++i)
        whole(i, t) = draw.theta(i, t) + remainder.beta()(draw.support[i], t);
    own.scores.resize(before);
    score(draw.support, whole, own);
    const Indices rows = top_k(vector_view(own.scores), s);
    // Zero to rounding: in units in which the features have variance 1, and beside what is not left
    // out.
    if (!remainder.whole()) score(draw.support, draw.theta, own);
    double most = 0.0;
    for (Index i = 0; i < before; ++i) {
      own.scores[i] *= white_weight(rule_, first_->problem.variances()(draw.support[i]));
      most = std::max(most, own.scores[i]);
    }
    const Index zeros = std::count_if(own.scores.begin(), own.scores.end(),
                                      [&](double size) { return size <= 1e-14 * most; });
    draw.same_model = before - s <= zeros;
    return rows;
  }

  void score(const Indices& support, ConstBlock theta, Workspace& own) const {
    own.weights.clear();
    for (const Index i : support)
      own.weights.push_back(score_weight(rule_, first_->problem.variances()(i)));
    rank_scores({theta.data, theta.rows, theta.cols, 1, theta.ld}, vector_view(own.weights),
                vector_view(own.scores));
  }

  /// z = [u' | e_0 ... | w_0 ...] on these rows, with the e and w = u' + e - explained of the
  /// latest round.
  void append_round(const Draw& draw, const Indices& rows, ConstBlock explained, Block z) const {
    const Index m = targets(), old = (draw.z.cols - m) / 2;  // old: columns of the rounds before
    for (Index i = 0; i < z.rows; ++i) {
      const Index row = rows[i];
      for (Index c = 0; c < m + old; ++c) z(i, c) = draw.z(row, c);
      for (Index t = 0; t < m; ++t) {
        z(i, m + old + t) = draw.e(row, t);
        z(i, m + 2 * old + m + t) = draw.z(row, t) + draw.e(row, t) - explained(i, t);
      }
      for (Index c = 0; c < old; ++c) z(i, 2 * m + old + c) = draw.z(row, m + old + c);
    }
  }

  /// F h of the coming round on the survivors' rows.
  void draw_noise(Draw& draw, Index number, Index round, Workspace& own) const {
    const Block noise = own.noise.block(features(), targets());
    first_->basis.root().apply(normals_of(number, round, own), noise);
    const Index s = static_cast<Index>(draw.support.size()), m = targets();
    draw.noise = own.product.block(s, m);
    for (Index t = 0; t < m; ++t)
      for (Index i = 0; i < s; ++i) draw.noise(i, t) = noise(draw.support[i], t);
  }

  void solve(Draw& draw, double tau, bool last, const Remainder& remainder, Forms& forms,
             Workspace& own) const {
    const Index s = static_cast<Index>(draw.support.size()), m = targets(), columns = draw.z.cols;
    const Block sigma = own.sigma.block(s, s);
    first_->basis.gather(draw.support, draw.support, sigma);
    for (Index i = 0; i < s; ++i) sigma(i, i) += tau;
    own.solver.factor(sigma);
    draw.same_span = own.solver.rank() == std::exchange(draw.rank, own.solver.rank());
    // Beside y, room for the noise itself, which the coming round needs as well.
    const Block all = draw.solution.block(s, columns + 2 * m);
    draw.y = all.columns(0, columns + (last ? 0 : m));
    copy(draw.z, draw.y.columns(0, columns));
    remainder.shrink(draw.support, tau, draw.y.columns(0, m));
    if (!last) {
      copy(draw.noise, draw.y.columns(columns, m));
      copy(draw.noise, all.columns(columns + m, m));
      draw.noise = all.columns(columns + m, m);
    }
    own.solver.solve(draw.y);
    const ConstBlock y = draw.y.columns(0, columns);
    multiply(transposed(draw.z), y, forms.first);
    forms.second = forms.first;
    forms.first_trace = forms.second_trace = static_cast<double>(own.solver.rank());
    if (tau == 0.0) return;
    // Q^2 = Q - tau F'(Sigma_SS + tau)^{-2} F.
    forms.second.add(-tau, product(transposed(y), y));
    if (remainder.whole()) return;
    for (Index c = 0; c < columns; ++c)
      for (Index t = 0; t < m; ++t)
        for (Index i = 0; i < s; ++i)
          forms.second(t, c) -= tau * remainder.beta()(draw.support[i], t) * y(i, c);
  }

  std::shared_ptr<const FirstStage> first_;
  const Schedule& schedule_;
  Rule rule_;
  std::uint64_t seed_;
  std::vector<Regularisation> regularisations_;  // (T)
};

}  // namespace

std::unique_ptr<ScheduleMethod> correlated_schedule(std::shared_ptr<const FirstStage> first,
                                                    const Schedule& schedule, Rule rule,
                                                    std::uint64_t seed) {
  return std::make_unique<CorrelatedSchedule>(std::move(first), schedule, rule, seed);
}

}  // namespace overprune::theory
