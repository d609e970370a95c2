// Iterative pruning of correlated features: draws of all coordinates at once.
//
// Everything is kept in the features' own coordinates: for x in the white ones the column F x, F F'
// = Sigma, and of that only the rows of the survivors. There <Q x, y> = (F x)_S' (Sigma_SS +
// tau)^{-1} (F y)_S. Where the signal is far above the noise, features that all draws keep in all
// rounds are left out of u, and theta is less what they have: see Remainder and SupportForms.
#include "theory/rounds/dense_model.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.hpp"
#include "kernels/table.hpp"
#include "overprune/random.hpp"
#include "problem/covariance_root.hpp"

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
  std::vector<double> scores, root_curvature;
  Buffer whole;
};

class DenseSchedule final : public ScheduleMethod {
 public:
  DenseSchedule(std::shared_ptr<const DenseModel> model, const Schedule& schedule, Rule rule,
                std::uint64_t seed)
      : model_(std::move(model)), schedule_(schedule), rule_(rule), seed_(seed) {
    const ConstVector variances = model_->problem->variances();
    for (Index i = 0; i < features(); ++i) root_variance_.push_back(std::sqrt(variances(i)));
  }

  Index first_draws() const override { return 128; }
  Index most_draws() const override {
    const double k = static_cast<double>(features()), m = static_cast<double>(targets());
    double operations = 0.0, before = k;
    for (const Index count : schedule_.nonzeros) {
      const double s = static_cast<double>(count);
      operations +=
          2.0 * k * k * m + s * s * s / 3.0 + 20.0 * s * before;  // and gathers, far slower
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
    return schedule_.retrain_ridge > 0.0 || static_cast<double>(s) > model_->n;
  }

  /// @param pilot  null, or receives the regularisation of each round, found on the way
  Rounds run(Index first, Index count, const ForEach& for_each, const Poll& poll,
             std::vector<Regularisation>* pilot) const {
    Indices kept =
        certain_survivors(model_->basis, model_->law, model_->n, rule_, schedule_.nonzeros.back());
    while (true) {
      const Remainder remainder(model_->basis, model_->law, kept);
      Rounds risks = run(first, count, for_each, poll, pilot, remainder, kept);
      if (kept.size() == remainder.kept().size()) return risks;
    }
  }

  /// @param kept  the remainder's; those that a draw has dropped are taken out, and then there are
  /// no risks
  Rounds run(Index first, Index count, const ForEach& for_each, const Poll& poll,
             std::vector<Regularisation>* pilot, const Remainder& remainder, Indices& kept) const {
    const Index m = targets();
    SmallMatrix signal(m, m), shift(m, m), overlap(m, m);
    copy(remainder.energy(), signal.block());
    copy(remainder.shift(), shift.block());
    overlap.add(-1.0, shift);
    Evolution evolution(model_->n, model_->noise, signal, model_->error, model_->law.share,
                        overlap);
    Rounds risks{{model_->law.risk}, {model_->law.risk}};
    std::vector<Draw> draws(count);
    double tau = model_->law.tau;
    for (std::size_t t = 0; t < schedule_.nonzeros.size(); ++t) {
      const Index s = schedule_.nonzeros[t];
      if (s == features() && schedule_.ridge == schedule_.retrain_ridge) {  // nothing is pruned
        risks.pruned.push_back(risks.retrained.back());
        risks.retrained.push_back(risks.retrained.back());
        continue;
      }
      std::vector<std::vector<double>> values(pilot && needs_tau(s) ? kPilotSupports : 0);
      std::vector<Forms> forms(count, Forms(targets() * (1 + 2 * evolution.rounds())));
      for_each(count, [&]() -> Task {
        auto own = std::make_shared<Workspace>();
        return [&, own](Index i, const Poll&) {
          if (evolution.rounds() == 1)
            train(draws[i], first + i, evolution.latest(), remainder, *own);
          else
            retrain(draws[i], evolution, *own);
          forms[i].pruned = prune(draws[i], s, evolution.rounds(), remainder, *own);
          if (i < static_cast<Index>(values.size()))
            values[i] = model_->eigenvalues(draws[i].support);
        };
      });
      if (lose(draws, kept)) return {};
      if (!values.empty())
        (*pilot)[t] = common_regularisation(values, model_->n, schedule_.retrain_ridge);
      const Regularisation next = pilot ? (*pilot)[t] : regularisations_[t];
      const double last_tau = std::exchange(tau, next.tau);
      const bool last = t + 1 == schedule_.nonzeros.size();
      for_each(count, [&]() -> Task {
        auto own = std::make_shared<Workspace>();
        return [&, own](Index i, const Poll&) {
          if (!last) draw_noise(draws[i], first + i, evolution.rounds(), *own);
          solve(draws[i], tau, last, remainder, forms[i], *own);
        };
      });
      Forms mean(targets() * (1 + 2 * evolution.rounds()));
      for (const Forms& one : forms) mean.add(1.0 / static_cast<double>(count), one);
      if (tau > 0.0) {
        mean.first_trace = next.first_trace;
        mean.second_trace = next.second_trace;
      }
      const bool same_tau = std::abs(tau - last_tau) <= 1e-9 * tau;
      const bool same_model =
          same_tau &&
          std::all_of(draws.begin(), draws.end(), [](const Draw& draw) { return draw.same_model; });
      const bool same_span =
          tau == 0.0 && last_tau == 0.0 &&
          std::all_of(draws.begin(), draws.end(), [](const Draw& draw) { return draw.same_span; });
      const double before = risks.retrained.back();
      risks.pruned.push_back(
          same_model || std::isinf(before) ? before : evolution.noise_floor() + mean.pruned);
      if (same_model || same_span)
        evolution.repeat();
      else
        evolution.advance(mean);
      risks.retrained.push_back(evolution.latest().risk);
      poll_now(poll);
    }
    return risks;
  }

  Index features() const { return model_->features(); }
  Index targets() const { return model_->targets(); }

  /// h (r, m) of a round, with columns of length sqrt(r), every second draw the negative of the one
  /// before.
  Block normals_of(Index draw, Index round, Workspace& own) const {
    const Index r = model_->basis.rank(), m = targets();
    const Block h = own.normals.block(r, m);
    standard_normal({seed_, static_cast<std::uint64_t>(draw / 2), Purpose::paths},
                    static_cast<std::uint64_t>(round * features() * m), r * m, h.data);
    for (Index t = 0; t < m; ++t) {
      const double scale = std::sqrt(static_cast<double>(r) / norm2(h.columns(t, 1)));
      for (Index i = 0; i < r; ++i) h(i, t) *= draw % 2 == 0 ? scale : -scale;
    }
    return model_->basis.coordinates(h, own.rotated);
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
    draw.rank = model_->basis.rank();
    for (Index i = 0; i < k; ++i) draw.support[i] = i;
    draw.z = draw.memory.block(k, m);
    copy(remainder.cross(), draw.z);
    const Block model = draw.model.block(k, 2 * m);
    draw.e = model.columns(0, m);
    draw.theta = model.columns(m, m);
    const Block e = own.product.block(draw.rank, m);
    multiply(false, h, round.root.block(), 0.0, e);
    model_->basis.root().apply(e, draw.e);
    model_->law.solver.apply(e, draw.theta);
    for (Index t = 0; t < m; ++t)
      for (Index i = 0; i < k; ++i) draw.theta(i, t) += remainder.mean()(i, t);
  }

  /// The retrained model of one draw, whose equations are solved.
  void retrain(Draw& draw, const Evolution& evolution, Workspace&) const {
    const Index s = draw.z.rows, m = targets(), k = (evolution.rounds() - 1) * m;
    const Round& round = evolution.latest();
    const Block model = draw.model.block(s, 2 * m);
    draw.e = model.columns(0, m);
    draw.theta = model.columns(m, m);
    multiply(false, draw.z.columns(m, k), round.rho.block(), 0.0, draw.e);
    multiply(false, draw.noise, round.root.block(), 1.0, draw.e);
    copy(draw.y.columns(0, m), draw.theta);
    multiply(false, draw.y.columns(m, k), round.rho.block(), 1.0, draw.theta);
    SmallMatrix minus(k, m);
    minus.add(-1.0, round.c);
    multiply(false, draw.y.columns(m + k, k), minus.block(), 1.0, draw.theta);
    multiply(false, draw.y.columns(m + 2 * k, m), round.root.block(), 1.0, draw.theta);
  }

  /// Keeps the s largest scores and the rows that belong to them; returns the excess risk of the
  /// pruned model.
  double prune(Draw& draw, Index s, Index rounds, const Remainder& remainder,
               Workspace& own) const {
    const Index before = static_cast<Index>(draw.support.size()), m = targets(),
                old = (rounds - 1) * m;
    std::vector<double>& root = own.root_curvature;
    root.clear();
    if (rule_ == Rule::hessian)
      for (const Index i : draw.support) root.push_back(root_variance_[i]);
    own.scores.resize(before);
    Block theta = draw.theta;
    if (!remainder.whole()) {
      theta = own.whole.block(before, m);
      for (Index t = 0; t < m; ++t)
        for (Index i = 0; i < before; ++i)
          theta(i, t) = draw.theta(i, t) + remainder.beta()(draw.support[i], t);
    }
    rank_scores({theta.data, before, m, 1, theta.ld}, vector_view(root), vector_view(own.scores));
    const Indices rows = top_k(vector_view(own.scores), s);
    // Coefficients that are zero to rounding: in units in which the features have variance 1, and
    // beside what is not left out.
    double largest = 0.0;
    std::vector<double> sizes = own.scores;
    if (!remainder.whole())
      rank_scores({draw.theta.data, before, m, 1, draw.theta.ld}, vector_view(root),
                  vector_view(sizes));
    for (Index i = 0; i < before; ++i) {
      if (rule_ != Rule::hessian) sizes[i] *= root_variance_[draw.support[i]];
      largest = std::max(largest, sizes[i]);
    }
    const Index zeros = std::count_if(sizes.begin(), sizes.end(),
                                      [&](double size) { return size <= 1e-14 * largest; });
    draw.same_model = before - s <= zeros;
    Indices support;
    for (const Index i : rows) support.push_back(draw.support[i]);
    // w = u + e - Sigma theta on the survivors.
    const Block cross = own.cross.block(s, before), explained = own.product.block(s, m);
    model_->gather(support, draw.support, cross);
    multiply(false, cross, draw.theta, 0.0, explained);
    const Block z = own.z.block(s, m + 2 * rounds * m);
    for (Index i = 0; i < s; ++i) {
      for (Index c = 0; c < m + old; ++c) z(i, c) = draw.z(rows[i], c);
      for (Index t = 0; t < m; ++t) {
        z(i, m + old + t) = draw.e(rows[i], t);
        z(i, m + 2 * old + m + t) = draw.z(rows[i], t) + draw.e(rows[i], t) - explained(i, t);
      }
      for (Index c = 0; c < old; ++c) z(i, 2 * m + old + c) = draw.z(rows[i], m + old + c);
    }
    // |F'theta_S - u'|^2 = theta_S'Sigma_SS theta_S - 2 theta_S'(F u')_S + u'^2, target by target.
    const Block sigma = own.sigma.block(s, s), kept = own.rotated.block(s, m);
    for (Index j = 0; j < s; ++j) std::copy_n(cross.col(rows[j]), s, sigma.col(j));
    for (Index t = 0; t < m; ++t)
      for (Index i = 0; i < s; ++i) kept(i, t) = draw.theta(rows[i], t);
    multiply(false, sigma, kept, 0.0, explained);
    double excess = 0.0;
    for (Index t = 0; t < m; ++t) excess += remainder.energy()(t, t);
    for (Index t = 0; t < m; ++t)
      for (Index i = 0; i < s; ++i) excess += kept(i, t) * (explained(i, t) - 2.0 * z(i, t));
    draw.z = draw.memory.block(s, z.cols);
    copy(z, draw.z);
    draw.support = std::move(support);
    return std::max(excess, 0.0);
  }

  /// F h of the coming round on the survivors' rows.
  void draw_noise(Draw& draw, Index number, Index round, Workspace& own) const {
    const Block noise = own.noise.block(features(), targets());
    model_->basis.root().apply(normals_of(number, round, own), noise);
    const Index s = static_cast<Index>(draw.support.size()), m = targets();
    draw.noise = own.product.block(s, m);
    for (Index t = 0; t < m; ++t)
      for (Index i = 0; i < s; ++i) draw.noise(i, t) = noise(draw.support[i], t);
  }

  void solve(Draw& draw, double tau, bool last, const Remainder& remainder, Forms& forms,
             Workspace& own) const {
    const Index s = static_cast<Index>(draw.support.size()), m = targets(), columns = draw.z.cols;
    const Block sigma = own.sigma.block(s, s);
    model_->gather(draw.support, draw.support, sigma);
    for (Index i = 0; i < s; ++i) sigma(i, i) += tau;
    own.solver.factor(sigma);
    draw.same_span = own.solver.rank() == std::exchange(draw.rank, own.solver.rank());
    // Beside y, room for the noise itself, which the coming round needs as well.
    const Block all = draw.solution.block(s, columns + 2 * m);
    draw.y = all.columns(0, columns + (last ? 0 : m));
    copy(draw.z, draw.y.columns(0, columns));
    for (Index t = 0; t < m; ++t)
      for (Index i = 0; i < s; ++i) draw.y(i, t) = remainder.right_side(draw.support[i], t, tau);
    if (!last) {
      copy(draw.noise, draw.y.columns(columns, m));
      copy(draw.noise, all.columns(columns + m, m));
      draw.noise = all.columns(columns + m, m);
    }
    own.solver.solve(draw.y);
    const ConstBlock y = draw.y.columns(0, columns);
    multiply(true, draw.z, y, 0.0, forms.first.block());
    forms.second = forms.first;
    forms.first_trace = forms.second_trace = static_cast<double>(own.solver.rank());
    if (tau == 0.0) return;
    // Q^2 = Q - tau F'(Sigma_SS + tau)^{-2} F.
    SmallMatrix squares(columns, columns);
    multiply(true, y, y, 0.0, squares.block());
    forms.second.add(-tau, squares);
    if (remainder.whole()) return;
    for (Index c = 0; c < columns; ++c)
      for (Index t = 0; t < m; ++t)
        for (Index i = 0; i < s; ++i)
          forms.second(t, c) -= tau * remainder.beta()(draw.support[i], t) * y(i, c);
  }

  std::shared_ptr<const DenseModel> model_;
  const Schedule& schedule_;
  Rule rule_;
  std::uint64_t seed_;
  std::vector<double> root_variance_;            // (k)
  std::vector<Regularisation> regularisations_;  // (T)
};

}  // namespace

std::unique_ptr<ScheduleMethod> dense_schedule(std::shared_ptr<const DenseModel> model,
                                               const Schedule& schedule, Rule rule,
                                               std::uint64_t seed) {
  return std::make_unique<DenseSchedule>(std::move(model), schedule, rule, seed);
}

}  // namespace overprune::theory
