#include "theory/classes/drawn_labels.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.hpp"
#include "base/workers.hpp"
#include "problem/covariance.hpp"
#include "theory/fixed_support.hpp"

namespace overprune::theory {
namespace {

constexpr Index kLabelBatch = 4;  // pairs a task
constexpr Index kLabelGroups = 32;
constexpr Index kFirstLabelPairs = 16;
constexpr Index kMostLabelPairs = 2048;  // of draws = 0: the forms of all are kept

double inflow(const FirstTraining& first) { return first.tau * (1.0 - first.b); }

/// Mean and jackknife error of a function of means, whose values without each group are known.
Estimate jackknife(double value, const std::vector<double>& without) {
  const auto groups = static_cast<double>(without.size());
  if (without.size() < 2) return {value, 0.0};
  const double mean = std::accumulate(without.begin(), without.end(), 0.0) / groups;
  double square = 0.0;
  for (const double one : without) square += (one - mean) * (one - mean);
  return {value, std::sqrt(square * (groups - 1.0) / groups)};
}

LabelPoint estimated(double m, double q, double field,
                     const std::vector<std::array<double, 2>>& without) {
  std::vector<double> errors, teachers, selves;
  for (const auto& [mean, square] : without) {
    errors.push_back(label_error(mean, square, field));
    teachers.push_back(mean);
    selves.push_back(square);
  }
  LabelPoint point(m, q, field);
  point.error = jackknife(point.error.value, errors);
  point.teacher = jackknife(m, teachers);
  point.self = jackknife(q, selves);
  return point;
}

}  // namespace

Energies energies_of(const WhiteBasis& basis) {
  Energies energies;
  for (Index j = 0; j < basis.rank(); ++j)
    energies.add(basis.values()[j], 1.0, basis.signal()(j, 0) * basis.signal()(j, 0));
  return energies;
}

TrainedLabels::TrainedLabels(const LinearGaussianProblem& part, double field, double n,
                             const Loss& loss, double ridge)
    : basis_(part, true), first_(solve_first_training(loss, field, energies_of(basis_), n, ridge)) {
  // The same effective ridge, for a problem of the same features.
  const double same = loss.is(NamedLoss::square) ? ridge : inflow(first_);
  if (!has_draws()) return;
  law_ = std::make_unique<MatrixLaw>(basis_, n, same);
  law_->risk = law_->omega(0, 0) = first_.omega;
  law_->root(0, 0) = std::sqrt(first_.omega);
  law_->finite = true;
  for (double& mean : law_->mean) mean *= first_.kappa;
}

LabelStudy::LabelStudy(const LinearGaussianProblem& part, double field, double n, const Grid& grid,
                       double ridge, const DrawOptions& options)
    : field_(field),
      n_(n),
      grid_(grid),
      options_(options),
      trained_(part, field, n, grid.loss, ridge) {}

LabelPoint LabelStudy::trained_alike(const Energies& energies) const {
  const FirstTraining law =
      solve_first_training(grid_.loss, field_, energies, n_, grid_.retrain_ridge);
  return {law.m, law.q, field_};
}

void LabelStudy::run(Index workers, const Poll& poll) {
  const Index k = trained_.basis().features();
  const FirstTraining& first = trained_.first();
  for (std::size_t r = 0; r < grid_.rules.size(); ++r)
    for (std::size_t i = 0; i < grid_.nonzeros.size() && grid_.nonzeros[i] <= k; ++i) {
      Point point{grid_.rules[r],
                  static_cast<Index>(r),
                  static_cast<Index>(i),
                  grid_.nonzeros[i],
                  {},
                  {},
                  {}};
      poll_now(poll);
      if (point.s == k) {
        point.pruned = {first.m, first.q, field_};
        if (grid_.retrain) point.retrained = trained_alike(energies_of(trained_.basis()));
        point.done = true;
      } else if (!trained_.has_draws()) {
        point.done = true;
      } else if (traits(point.rule).needs_truth) {
        fix_support(point);
      }
      points_.push_back(std::move(point));
    }
  Index target = options_.draws == 0 ? kFirstLabelPairs : (options_.draws + 1) / 2;
  while (std::any_of(points_.begin(), points_.end(), [](const Point& p) { return !p.done; })) {
    const auto first_pair = static_cast<Index>(pairs_.size());
    pairs_.resize(target);
    draw(first_pair, target - first_pair, workers, poll);
    if (estimate() || options_.draws != 0 || target >= kMostLabelPairs) return;
    target *= 2;
  }
}

/// A support that does not depend on the data.
void LabelStudy::fix_support(Point& point) {
  const WhiteBasis& basis = trained_.basis();
  const MatrixLaw& law = trained_.law();
  Indices support = known_support(basis, law, point.rule, point.s);
  std::sort(support.begin(), support.end());
  const Index s = point.s;
  OwnedMatrix sigma(s, s), spread(s, s);
  basis.principal_block(support, sigma);
  law.solver.gram(support, std::vector<double>(basis.rank(), 1.0), spread);
  double m = 0.0, q = 0.0;
  for (Index j = 0; j < s; ++j) {
    const double mean = law.mean(support[j], 0);
    m += mean * basis.cross()(support[j], 0);
    for (Index i = 0; i < s; ++i)
      q += sigma(i, j) * (law.mean(support[i], 0) * mean + law.risk / n_ * spread(i, j));
  }
  point.pruned = {m, q, field_};
  if (grid_.retrain) {
    const LinearGaussianProblem part = basis.problem().restrict(support);
    point.retrained = trained_alike(energies_of(WhiteBasis(part, true)));
  }
  point.done = true;
}

void LabelStudy::draw(Index first, Index count, Index workers, const Poll& poll) {
  const Index batches = (count + kLabelBatch - 1) / kLabelBatch;
  const auto task = [&](Index batch, const Poll& stop) {
    ModelDraws draws(trained_.basis(), trained_.law(), n_, options_.seed);
    const Index start = first + batch * kLabelBatch,
                some = std::min(kLabelBatch, first + count - start);
    draws.batch(start, some);
    for (Index b = 0; b < some; ++b) {
      std::vector<Sampled>& found = pairs_[start + b];
      found.resize(points_.size());
      for (const double sign : {1.0, -1.0}) {
        poll_now(stop);
        draws.select(b, sign);
        sample(draws, found);
      }
    }
  };
  parallel_for(batches, workers, task, poll);
}

void LabelStudy::sample(ModelDraws& draws, std::vector<Sampled>& found) const {
  const WhiteBasis& basis = trained_.basis();
  const ConstBlock theta = draws.theta();
  const std::vector<double> fitted = fit(theta);
  const double first_m = inner(theta.rows, theta.col(0), basis.cross().begin()),
               first_q = inner(theta.rows, theta.col(0), fitted.data());
  for (const Rule rule : grid_.rules) {
    Index most = 0;
    for (const Point& point : points_)
      if (point.rule == rule && !point.done) most = std::max(most, point.s);
    if (most == 0) continue;
    const Indices order = draws.order(rule, most);
    const Block images = draws.images(order, most, true, {basis.cross()});
    for (Index i = 0; i < most; ++i) images(i, 2) = fitted[order[i]];
    OwnedMatrix sigma(most, most);
    basis.principal_block(order, sigma);
    for (std::size_t p = 0; p < points_.size(); ++p) {
      const Point& point = points_[p];
      if (point.rule != rule || point.done) continue;
      for (Index j = 0; j < point.s; ++j) {
        const double own = theta(order[j], 0);
        found[p].m += 0.5 * own * basis.cross()(order[j], 0);
        for (Index i = 0; i < point.s; ++i)
          found[p].q += 0.5 * own * sigma(i, j) * theta(order[i], 0);
      }
      if (!grid_.retrain) continue;
      found[p].supports.first_m += 0.5 * first_m;
      found[p].supports.first_q += 0.5 * first_q;
      const Supports forms = forms_of(order, point.s, images);
      for (std::size_t j = 0; j < forms.value.size(); ++j) {
        std::array<double, Supports::kForms> one{};
        for (int i = 0; i < Supports::kForms; ++i) one[i] = 0.5 * forms.forms[i][j];
        found[p].supports.add(forms.value[j], 0.5, one);
      }
    }
  }
}

/// Sigma theta, without the cancellation of the truth and the noise less what was not fitted.
std::vector<double> LabelStudy::fit(ConstBlock theta) const {
  const ConstMatrix covariance = trained_.basis().problem().covariance();
  std::vector<double> fitted(theta.rows);
  for (Index j = 0; j < theta.rows; ++j)
    fitted[j] = inner(theta.rows, &covariance(0, j), theta.col(0));
  return fitted;
}

Supports LabelStudy::forms_of(const Indices& order, Index s, ConstBlock images) const {
  const Indices support(order.begin(), order.begin() + s);
  OwnedMatrix sigma(s, s), rotated(s, 3);
  trained_.basis().principal_block(support, sigma);
  std::vector<double> values(s);
  if (!kernels::active().symmetric_eigen(s, sigma.begin(), s, values.data()))
    check::fail("covariance has no eigendecomposition that converges");
  multiply(transposed(sigma), images.top(s).columns(0, 3), rotated);
  Supports forms;
  const double zero = covariance_rounding(trained_.basis().features()) * values.back();
  for (Index j = 0; j < s; ++j) {
    if (!(values[j] > zero)) continue;
    const double u = rotated(j, 0), e = rotated(j, 1), f = rotated(j, 2);
    forms.add(values[j], 1.0, {u * u, u * e, e * e, u * f, e * f, f * f});
  }
  return forms;
}

/// Estimates all points; whether the relative error of every test error is small enough.
bool LabelStudy::estimate() {
  bool finished = true;
  for (std::size_t i = 0; i < points_.size(); ++i) {
    if (points_[i].done) continue;
    estimate(i, points_[i]);
    const auto enough = [&](const Estimate& error) {
      return !(error.error > options_.rtol * error.value);
    };
    finished = finished && enough(points_[i].pruned.error) && enough(points_[i].retrained.error);
  }
  return finished;
}

void LabelStudy::estimate(std::size_t i, Point& point) const {
  const auto pairs = static_cast<Index>(pairs_.size());
  const Index groups = std::min(pairs, kLabelGroups);
  std::vector<std::array<double, 2>> sums(groups, {0.0, 0.0});
  Indices counts(groups, 0);
  std::array<double, 2> all{0.0, 0.0};
  for (Index pair = 0; pair < pairs; ++pair) {
    const Index g = pair * groups / pairs;
    ++counts[g];
    const double both[] = {pairs_[pair][i].m, pairs_[pair][i].q};
    for (int j = 0; j < 2; ++j) {
      sums[g][j] += both[j];
      all[j] += both[j];
    }
  }
  std::vector<std::array<double, 2>> without;
  for (Index g = 0; g < groups && groups > 1; ++g) {
    const auto rest = static_cast<double>(pairs - counts[g]);
    without.push_back({(all[0] - sums[g][0]) / rest, (all[1] - sums[g][1]) / rest});
  }
  const double m = all[0] / static_cast<double>(pairs), q = all[1] / static_cast<double>(pairs);
  point.pruned = estimated(m, q, field_, without);
  if (!grid_.retrain) return;
  const std::vector<Supports> supports = groups_of(i, groups);
  if (traits(point.rule).needs_seed) {
    const auto energies = [&](Index left_out) {
      Energies mean;
      const auto share =
          1.0 / static_cast<double>(groups - (left_out < groups && groups > 1 ? 1 : 0));
      for (Index g = 0; g < groups; ++g)
        for (std::size_t j = 0; g != left_out && j < supports[g].value.size(); ++j)
          mean.add(supports[g].value[j], share * supports[g].weight[j],
                   share * supports[g].forms[Supports::uu][j] / supports[g].value[j]);
      return mean;
    };
    const LabelPoint whole = trained_alike(energies(groups));
    std::vector<std::array<double, 2>> rest;
    for (Index g = 0; g < groups && groups > 1; ++g) {
      const LabelPoint one = trained_alike(energies(g));
      rest.push_back({one.teacher.value, one.self.value});
    }
    point.retrained = estimated(whole.teacher.value, whole.self.value, field_, rest);
    return;
  }
  SecondTraining start;
  start.m = m;
  start.q = start.q12 = q;
  const SampledTraining found(grid_.loss, field_, trained_.first(), supports, n_,
                              grid_.retrain_ridge, start);
  point.second = found.law();
  point.retrained = estimated(point.second.m, point.second.q, field_, found.without());
}

/// The mean supports of groups of pairs.
std::vector<Supports> LabelStudy::groups_of(std::size_t point, Index groups) const {
  const auto pairs = static_cast<Index>(pairs_.size());
  std::vector<Supports> result(groups);
  Indices counts(groups, 0);
  for (Index pair = 0; pair < pairs; ++pair) ++counts[pair * groups / pairs];
  for (Index pair = 0; pair < pairs; ++pair) {
    const Index g = pair * groups / pairs;
    const double share = 1.0 / static_cast<double>(counts[g]);
    const Supports& one = pairs_[pair][point].supports;
    result[g].first_m += share * one.first_m;
    result[g].first_q += share * one.first_q;
    for (std::size_t j = 0; j < one.value.size(); ++j) {
      std::array<double, Supports::kForms> forms{};
      for (int f = 0; f < Supports::kForms; ++f) forms[f] = share * one.forms[f][j];
      result[g].add(one.value[j], share * one.weight[j], forms);
    }
  }
  return result;
}

void LabelStudy::write(Index size, LabelTable& table) const {
  table.dense(size, {trained_.first().m, trained_.first().q, field_});
  table.draws(size, 2.0 * static_cast<double>(pairs_.size()));
  for (const Point& point : points_) {
    table.pruned(point.rule_position, size, point.position, point.pruned);
    if (grid_.retrain) table.retrained(point.rule_position, size, point.position, point.retrained);
  }
}

}  // namespace overprune::theory
