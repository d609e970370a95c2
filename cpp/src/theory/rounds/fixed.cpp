// Pruning in rounds by rules that do not look at the data: every round is a fresh training of its
// support.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "overprune/random.hpp"
#include "problem/covariance_root.hpp"
#include "theory/remainder.hpp"
#include "theory/rounds/pilot.hpp"
#include "theory/rounds/rounds.hpp"

namespace overprune::theory {
namespace {

class IndependentFixedSchedule final : public ScheduleMethod {
 public:
  IndependentFixedSchedule(const LinearGaussianProblem& problem, double n, const Schedule& schedule,
                           Rule rule)
      : schedule_(schedule), n_(n), atoms_(schedule_atoms(problem, schedule.size)) {
    std::vector<double> scores(schedule.size);
    if (traits(rule).needs_truth) problem.oracle_scores(schedule.size, scores.data());
    for (const Index s : schedule.nonzeros) {
      // One number of survivors for each atom; their order is that of the atoms' (variance,
      // |beta|).
      std::vector<double> survivors;
      if (traits(rule).needs_seed) {
        for (const double count : atoms_.count)
          survivors.push_back(count * static_cast<double>(s) / static_cast<double>(schedule.size));
      } else {
        survivors = survivors_of(problem, top_k(vector_view(scores), s));
      }
      survivors_.push_back(std::move(survivors));
    }
  }

  bool exact() const override { return true; }

  Rounds run(Index, Index, const ForEach&, const Poll&) const override {
    DenseLaw law = dense_law(atoms_.view(), n_, schedule_.ridge);
    Rounds risks{{law.risk}, {law.risk}};
    for (std::size_t t = 0; t < survivors_.size(); ++t) {
      const std::vector<double>& survivors = survivors_[t];
      risks.pruned.push_back(pruned_risk(law, survivors));
      const ScheduleAtoms part = restricted(survivors, schedule_.nonzeros[t]);
      law = dense_law(part.view(), n_, schedule_.retrain_ridge);
      risks.retrained.push_back(law.risk);
    }
    return risks;
  }

 private:
  std::vector<double> survivors_of(const LinearGaussianProblem& problem,
                                   const Indices& support) const {
    std::vector<double> survivors(atoms_.size(), 0.0);
    for (const Index i : support) {
      const double lam = problem.variances()(i),
                   u = std::sqrt(lam) * std::abs(problem.beta()(i, 0));
      for (std::size_t a = 0; a < atoms_.size(); ++a)
        if (atoms_.eigenvalue[a] == lam && atoms_.signal[a] == u) survivors[a] += 1.0;
    }
    return survivors;
  }

  /// The problem of the survivors: what the others explain is noise.
  ScheduleAtoms restricted(const std::vector<double>& survivors, Index s) const {
    ScheduleAtoms part;
    part.noise = atoms_.noise;
    for (std::size_t a = 0; a < atoms_.size(); ++a) {
      part.noise += (atoms_.count[a] - survivors[a]) * atoms_.signal[a] * atoms_.signal[a];
      if (survivors[a] == 0.0) continue;
      part.count.push_back(survivors[a]);
      part.eigenvalue.push_back(atoms_.eigenvalue[a]);
      part.signal.push_back(atoms_.signal[a]);
      part.total += survivors[a];
    }
    // A sum of fractions misses the integer that decides whether there are more features than
    // samples.
    if (atoms_.total == static_cast<double>(schedule_.size)) part.total = static_cast<double>(s);
    return part;
  }

  /// The model of law `law`, trained on a support that holds the survivors, with the others set to
  /// zero.
  double pruned_risk(const DenseLaw& law, const std::vector<double>& survivors) const {
    double risk = atoms_.noise;
    for (std::size_t i = 0; i < atoms_.size(); ++i) {
      const double sum = atoms_.eigenvalue[i] + law.tau, a = atoms_.eigenvalue[i] / sum,
                   d = law.tau / sum;
      const double square = atoms_.signal[i] * atoms_.signal[i];
      risk += (atoms_.count[i] - survivors[i]) * square;
      if (survivors[i] > 0.0) risk += survivors[i] * (d * d * square + a * a * law.risk / n_);
    }
    return risk;
  }

  const Schedule& schedule_;
  double n_;
  ScheduleAtoms atoms_;
  std::vector<std::vector<double>> survivors_;  // (T) of each atom
};

class CorrelatedFixedSchedule final : public ScheduleMethod {
 public:
  CorrelatedFixedSchedule(std::shared_ptr<const FirstStage> first,
                          const LinearGaussianProblem& problem, const Schedule& schedule, Rule rule,
                          std::uint64_t seed)
      : first_(std::move(first)),
        schedule_(schedule),
        seed_(seed),
        whole_(first_->basis, first_->law) {
    if (!traits(rule).needs_truth) return;
    truth_.resize(schedule.size);
    // Of the problem as it was given, so that features of no use are in the order of the
    // simulation.
    problem.oracle_scores(schedule.size, truth_.data());
  }

  bool exact() const override { return !truth_.empty(); }
  Index first_draws() const override { return 64; }
  Index most_draws() const override {
    double operations = 0.0;
    for (const Index count : schedule_.nonzeros) {
      const double s = static_cast<double>(count), ridge = taus_.front() > 0.0 ? 2.0 : 0.0;
      operations += (2.4 + ridge) * s * s * s + 20.0 * s * s;
    }
    return affordable_draws(operations, 8.0);
  }

  void prepare(const ForEach&, const Poll& poll) override {
    std::vector<Indices> orders(exact() ? 1 : kPilotSupports);
    for (std::size_t i = 0; i < orders.size(); ++i) orders[i] = order_of(static_cast<Index>(i));
    for (const Index s : schedule_.nonzeros) taus_.push_back(tau_of(orders, s, poll));
    dense_ = trained();
  }

  Rounds run(Index first, Index count, const ForEach& for_each, const Poll&) const override {
    std::vector<Rounds> found(count);
    for_each(count, [&]() -> Task {
      return [&](Index i, const Poll& now) { found[i] = chain(order_of(first + i), now); };
    });
    Rounds mean = found[0];
    for (const auto figures : {&Rounds::pruned, &Rounds::retrained})
      for (std::size_t t = 0; t < mean.pruned.size(); ++t) {
        double sum = 0.0;
        for (const Rounds& one : found) sum += (one.*figures)[t];
        (mean.*figures)[t] = sum / static_cast<double>(count);
      }
    return mean;
  }

 private:
  /// The coefficients on a support: their mean, less what the remainder has left out, and their
  /// covariance over risk / n.
  struct Trained {
    OwnedMatrix mean;        // (s, m)
    OwnedMatrix covariance;  // (s, s)
    double risk = 0.0;
  };

  /// The features by falling score: the supports of all rounds are the first ones.
  Indices order_of(Index draw) const {
    std::vector<double> scores = truth_;
    if (scores.empty()) {
      scores.resize(schedule_.size);
      uniform({seed_, static_cast<std::uint64_t>(draw), Purpose::scores}, 0, schedule_.size,
              scores.data());
    }
    return top_k_order(vector_view(scores), schedule_.nonzeros.front());
  }

  double tau_of(const std::vector<Indices>& orders, Index s, const Poll& poll) const {
    const double ridge = schedule_.retrain_ridge;
    if (ridge == 0.0 && static_cast<double>(s) <= first_->n) return 0.0;
    std::vector<std::vector<double>> values(orders.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      poll_now(poll);
      values[i] = first_->basis.eigenvalues({orders[i].begin(), orders[i].begin() + s});
    }
    return common_regularisation(values, first_->n, ridge).tau;
  }

  Trained trained() const {
    const Index k = first_->basis.features(), m = first_->basis.targets();
    Trained all{OwnedMatrix(k, m), OwnedMatrix(k, k), first_->law.risk};
    Indices every(k);
    std::iota(every.begin(), every.end(), Index{0});
    const Remainder none(first_->basis, first_->law, every);
    all.mean = OwnedMatrix((exact() ? none : whole_).mean());
    first_->law.solver.gram(every, std::vector<double>(first_->basis.rank(), 1.0), all.covariance);
    return all;
  }

  /// One nested sequence of supports.
  Rounds chain(const Indices& order, const Poll& poll) const {
    Rounds risks{{dense_.risk}, {dense_.risk}};
    Trained now;
    for (std::size_t t = 0; t < taus_.size(); ++t) {
      poll_now(poll);
      const Index s = schedule_.nonzeros[t];
      const Indices support(order.begin(), order.begin() + s);
      OwnedMatrix sigma(s, s);
      first_->basis.gather(support, support, sigma);
      // Its rows in the model before: the features themselves in the dense one, else the first.
      Indices rows = support;
      for (Index i = 0; t > 0 && i < s; ++i) rows[i] = i;
      // What random supports leave out is as large as the signal itself.
      const Remainder known(first_->basis, first_->law, exact() ? support : Indices{});
      const Remainder& remainder = exact() ? known : whole_;
      risks.pruned.push_back(pruned_risk(t > 0 ? now : dense_, rows, support, sigma, remainder));
      now = retrain(support, sigma, taus_[t], remainder);
      risks.retrained.push_back(now.risk);
    }
    return risks;
  }

  /// Excess risk of coefficients on the support, less those left out: |F'theta - u'|^2.
  static double excess(const OwnedMatrix& theta, const Indices& support, const OwnedMatrix& sigma,
                       const Remainder& remainder) {
    const OwnedMatrix explained = product(sigma, theta);
    double sum = 0.0;
    for (Index t = 0; t < theta.cols(); ++t) {
      sum += remainder.energy()(t, t);
      for (Index i = 0; i < theta.rows(); ++i)
        sum += theta(i, t) * (explained(i, t) - 2.0 * remainder.cross()(support[i], t));
    }
    return std::max(sum, 0.0);
  }

  double pruned_risk(const Trained& model, const Indices& rows, const Indices& support,
                     const OwnedMatrix& sigma, const Remainder& remainder) const {
    if (std::isinf(model.risk)) return model.risk;
    const Index s = sigma.rows(), m = model.mean.cols();
    OwnedMatrix kept(s, m);
    for (Index t = 0; t < m; ++t)
      for (Index i = 0; i < s; ++i) kept(i, t) = model.mean(rows[i], t);
    double variance = 0.0;
    for (Index j = 0; j < s; ++j)
      for (Index i = 0; i < s; ++i) variance += sigma(i, j) * model.covariance(rows[i], rows[j]);
    return trace(first_->basis.noise()) + excess(kept, support, sigma, remainder) +
           model.risk / first_->n * variance;
  }

  Trained retrain(const Indices& support, const OwnedMatrix& sigma, double tau,
                  const Remainder& remainder) const {
    const Index s = sigma.rows(), m = first_->basis.targets();
    Trained model{OwnedMatrix(s, m), OwnedMatrix(s, s), 0.0};
    OwnedMatrix regularised = sigma;
    for (Index i = 0; i < s; ++i) {
      regularised(i, i) += tau;
      for (Index t = 0; t < m; ++t) model.mean(i, t) = remainder.cross()(support[i], t);
    }
    remainder.shrink(support, tau, model.mean);
    CovarianceRoot solver;
    solver.factor(regularised);
    solver.solve(model.mean);
    OwnedMatrix dual(s, solver.rank());
    solver.dual(dual);
    const OwnedMatrix inverse = product(dual, transposed(dual));
    // (Sigma + tau)^{-1} Sigma (Sigma + tau)^{-1}, and tr Q^2 = tr Q - tau times its trace.
    model.covariance = inverse;
    double square = static_cast<double>(solver.rank());
    if (tau > 0.0) {
      model.covariance = product(inverse, inverse);
      double first = static_cast<double>(s), trace = 0.0;
      for (Index j = 0; j < s; ++j) {
        for (Index i = 0; i < s; ++i)
          model.covariance(i, j) = inverse(i, j) - tau * model.covariance(i, j);
        first -= tau * inverse(j, j);
        trace += model.covariance(j, j);
      }
      square = first - tau * trace;
    }
    const double error =
        trace(first_->basis.noise()) + excess(model.mean, support, sigma, remainder);
    model.risk = inflate(std::max(error, 0.0), (first_->n - square) / first_->n);
    return model;
  }

  std::shared_ptr<const FirstStage> first_;
  const Schedule& schedule_;
  std::uint64_t seed_;
  Remainder whole_;
  std::vector<double> truth_;  // (size), oracle only
  std::vector<double> taus_;   // (T)
  Trained dense_;
};

}  // namespace

std::unique_ptr<ScheduleMethod> correlated_fixed_schedule(std::shared_ptr<const FirstStage> first,
                                                          const LinearGaussianProblem& problem,
                                                          const Schedule& schedule, Rule rule,
                                                          std::uint64_t seed) {
  return std::make_unique<CorrelatedFixedSchedule>(std::move(first), problem, schedule, rule, seed);
}

std::unique_ptr<ScheduleMethod> independent_fixed_schedule(const LinearGaussianProblem& problem,
                                                           double n, const Schedule& schedule,
                                                           Rule rule) {
  return std::make_unique<IndependentFixedSchedule>(problem, n, schedule, rule);
}

}  // namespace overprune::theory
