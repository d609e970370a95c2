#include "theory/lasso_study.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

#include "base/limits.hpp"
#include "base/workers.hpp"
#include "theory/dense_law.hpp"
#include "theory/lasso_draws.hpp"

namespace overprune::theory {
namespace {

constexpr Index kPilots = 8;        // pairs that find the settings
constexpr Index kFewestPairs = 32;  // of draws = 0, which doubles them until errors are small
constexpr Index kMostDrawn = Index{1} << 16;
constexpr Index kTaken = 256;          // pairs whose statistics are held before they are added
constexpr double kApart = 1.05;        // factor between two settings
constexpr double kApartTau2 = 1.03;    // and of the two values of tau2 about their middle
constexpr double kRough = 2e-3;        // relative error of a pilot's fixed point
constexpr int kTurns = 40;             // most steps of one search
constexpr double kBeyondLinear = 8.0;  // how many times their distance means are linear

constexpr Index kHead = 4;  // |S|, |u1 - u|^2, tr of the first training, <w, u>
constexpr Index kForm = 3;  // columns [u e w]
constexpr Index kForms = 2 + 2 * kForm * kForm;

}  // namespace

/// One thread's memory.
struct LassoStudy::Workspace {
  explicit Workspace(const LassoStudy& study)
      : draw(study.basis_), forms(study.basis_), noise(study.basis_.features()) {}
  LassoDraw draw;
  SupportForms forms;
  std::vector<double> noise;
  Buffer images, G, K;
};

/// A few draws that are followed through all settings.
struct LassoStudy::Pilot {
  Pilot(const LassoStudy& study, Index pairs, double scale, double tau, Index capacity)
      : n(study.n_), floor(study.basis_.noise()(0, 0)), ridge(study.grid_.ridge) {
    const Index k = study.basis_.features();
    noise.resize(pairs * k);
    for (Index pair = 0; pair < pairs; ++pair) {
      lasso_noise(study.basis_, study.options_.seed, pair, noise.data() + pair * k);
      for (const double sign : {1.0, -1.0}) {
        draws.push_back(std::make_unique<LassoDraw>(study.basis_));
        draws.back()->start(noise.data() + pair * k, sign, scale, tau, capacity);
        largest = std::max(largest, draws.back()->walk().largest_penalty());
      }
    }
  }

  LassoMeans at(const LassoSetting& setting, const Poll& poll) {
    LassoMeans sum;
    for (const auto& draw : draws) {
      poll_now(poll);
      draw->move(setting.penalty, std::sqrt(setting.risk / n), setting.tau);
      const LassoMeans one = draw->means();
      sum.nonzeros += one.nonzeros;
      sum.error += one.error;
      sum.trace += one.trace;
    }
    const double count = static_cast<double>(draws.size());
    return {sum.nonzeros / count, sum.error / count, sum.trace / count};
  }

  /// Solves for q and tau where kappa' / sqrt(q) is given; returns E |S|.
  double settle(double ratio, LassoSetting& setting, const Poll& poll) {
    double last_log = 0.0, last_value = kNaN, nonzeros = 0.0;
    for (int turn = 0; turn < kTurns; ++turn) {
      setting.penalty = ratio * std::sqrt(setting.risk);
      const LassoMeans means = at(setting, poll);
      nonzeros = means.nonzeros;
      const double right = floor + means.error, log = std::log(setting.risk),
                   value = std::log(right / setting.risk);
      double tau = 0.0;
      if (ridge > 0.0) {
        const double spare = std::max(1.0 - means.trace / n, 0.1 * ridge / (ridge + setting.tau));
        tau = std::sqrt(setting.tau * (ridge / spare));  // damped
      }
      const bool still = std::abs(value) < kRough && std::abs(tau - setting.tau) <= kRough * tau;
      if (still || !(right > 0.0)) break;
      const double slope = (value - last_value) / (log - last_log);
      const double step = slope < 0.0 ? -value / slope : value;
      last_log = log;
      last_value = value;
      setting.risk *= std::exp(std::clamp(step, -2.0, 2.0));
      setting.tau = tau;
    }
    return nonzeros;
  }

  double n, floor, ridge, largest = 0.0;
  std::vector<double> noise;
  std::vector<std::unique_ptr<LassoDraw>> draws;
};

/// The means of a point where its fixed point is exact for them.
struct LassoStudy::Solved {
  LassoSetting setting;
  std::vector<double> mean;  // (setting_length)
  double spare = 0.0;        // 1 - b of the first training
};

LassoStudy::LassoStudy(const WhiteBasis& basis, Index n, const Grid& grid,
                       const DrawOptions& options)
    : basis_(basis),
      n_(static_cast<double>(n)),
      grid_(grid),
      options_(options),
      law_(basis, n_, grid.ridge),
      whole_(basis, law_) {
  active_ = std::upper_bound(grid.nonzeros.begin(), grid.nonzeros.end(), basis.features()) -
            grid.nonzeros.begin();
  risks_.assign(active_, {{kNaN, 0.0}, {kNaN, 0.0}, {kNaN, 0.0}});
  penalties_.assign(active_, kNaN);
}

bool LassoStudy::closed_form(Index position) {
  const Index s = grid_.nonzeros[position], rank = basis_.rank();
  const bool shrinks = grid_.ridge > 0.0;
  if (!shrinks && static_cast<double>(std::min(s, rank)) > n_) return true;  // out of reach
  if (s < basis_.features() && (shrinks || s < rank)) return false;
  risks_[position] = {{law_.risk, 0.0}, {kNaN, 0.0}, {kNaN, 0.0}};  // nothing is pruned
  if (grid_.retrain)
    risks_[position].retrained = {MatrixLaw(basis_, n_, grid_.retrain_ridge).risk, 0.0};
  penalties_[position] = 0.0;
  return true;
}

void LassoStudy::run(Index workers, const Poll& poll) {
  for (Index i = 0; i < active_; ++i)
    if (!closed_form(i)) points_.push_back({i, grid_.nonzeros[i], {}, {0.0, 0.0}, false});
  if (points_.empty()) return;
  choose_settings(poll);
  for (const LassoPoint& point : points_)
    groups_.emplace_back(static_cast<Index>(point.settings.size()) * setting_length(point));
  Index target = options_.draws == 0 ? kFewestPairs : (options_.draws + 1) / 2;
  while (true) {
    for (Groups& groups : groups_) groups.reserve(target);
    draw_until(target, workers, poll);
    const bool finished = estimate();
    if (options_.draws != 0 || finished || pairs_ >= kMostDrawn) return;
    target *= 2;
  }
}

/// Follows a few draws from the empty model to more and more nonzeros.
void LassoStudy::choose_settings(const Poll& poll) {
  const Index k = basis_.features(), s_most = points_.back().s;
  const double null_risk = basis_.noise()(0, 0) + basis_.energy()(0, 0);
  LassoSetting setting{0.0, null_risk, grid_.ridge};
  const Index pairs = options_.draws == 0 ? kPilots : std::min(kPilots, (options_.draws + 1) / 2);
  Pilot pilot(*this, pairs, std::sqrt(null_risk / n_), grid_.ridge, std::min(k, 2 * s_most + 64));
  double ratio = pilot.largest / std::sqrt(null_risk);
  for (LassoPoint& point : points_) {
    const double goal = static_cast<double>(point.s);
    double above = ratio, below = 0.0, found = pilot.settle(ratio, setting, poll);
    double last = ratio, last_found = found;
    for (int turn = 0; turn < kTurns && std::abs(found - goal) > 5e-3 * goal; ++turn) {
      (found < goal ? above : below) = ratio;
      const double slope = std::log(found / last_found) / std::log(ratio / last);
      double next = slope < 0.0 ? ratio * std::exp(std::log(goal / found) / slope) : 0.9 * ratio;
      next = std::clamp(next, 0.8 * ratio, 1.25 * ratio);
      if (!(next < above) || !(next > below))
        next = below > 0.0 ? std::sqrt(above * below) : 0.9 * above;
      if (below > 0.0 && above < below * 1.002) break;
      last = ratio;
      last_found = found;
      ratio = next;
      found = pilot.settle(ratio, setting, poll);
    }
    point.settings = {setting,
                      {setting.penalty / kApart, setting.risk, setting.tau},
                      {setting.penalty, setting.risk * kApart, setting.tau}};
    if (grid_.ridge > 0.0)
      point.settings.push_back({setting.penalty, setting.risk, setting.tau * kApart});
    choose_nodes(pilot, point, poll);
  }
}

/// Brackets the second training's effective ridge with the pilots' supports.
void LassoStudy::choose_nodes(Pilot& pilot, LassoPoint& point, const Poll& poll) {
  if (!grid_.retrain || (grid_.retrain_ridge == 0.0 && static_cast<double>(point.s) <= n_)) return;
  std::vector<double> values;
  for (const auto& draw : pilot.draws) {
    poll_now(poll);
    const std::vector<double> own = basis_.eigenvalues(draw->walk().support());
    values.insert(values.end(), own.begin(), own.end());
  }
  const double tau2 =
      common_tau(values, static_cast<double>(pilot.draws.size()), n_, grid_.retrain_ridge);
  point.spectral = tau2 > 0.0;
  point.nodes = {tau2 / kApartTau2, tau2 * kApartTau2};
}

Index LassoStudy::setting_length(const LassoPoint& point) const {
  return kHead + point.node_count(grid_.retrain) * kForms;
}

void LassoStudy::draw_until(Index target, Index workers, const Poll& poll) {
  while (pairs_ < target) {
    const Index round = std::min(kTaken, target - pairs_);
    std::vector<std::vector<std::vector<double>>> results(round);
    const auto start = [&]() -> Task {
      auto space = std::make_shared<Workspace>(*this);
      return [this, space, &results](Index i, const Poll& stop) {
        for (std::size_t p = 0; p < points_.size(); ++p)
          results[i].emplace_back(points_[p].settings.size() * setting_length(points_[p]), 0.0);
        lasso_noise(basis_, options_.seed, pairs_ + i, space->noise.data());
        for (const double sign : {1.0, -1.0}) {
          poll_now(stop);
          visit(*space, space->noise.data(), sign, results[i]);
        }
      };
    };
    run_tasks(round, workers, start, [&](Index) { poll_now(poll); });
    for (const auto& pair : results)
      for (std::size_t p = 0; p < points_.size(); ++p) groups_[p].add(pair[p]);
    pairs_ += round;
  }
}

/// One draw at all points, from few nonzeros to many.
void LassoStudy::visit(Workspace& space, const double* noise, double sign,
                       std::vector<std::vector<double>>& results) const {
  const LassoSetting& first = points_.front().settings.front();
  space.draw.start(noise, sign, std::sqrt(first.risk / n_), first.tau, basis_.features());
  for (std::size_t p = 0; p < points_.size(); ++p) {
    double* sums = results[p].data();
    for (const LassoSetting& setting : points_[p].settings) {
      add(space, points_[p], setting, noise, sign, sums);
      sums += setting_length(points_[p]);
    }
  }
}

/// Half of what one draw contributes at one setting.
void LassoStudy::add(Workspace& space, const LassoPoint& point, const LassoSetting& setting,
                     const double* noise, double sign, double* sums) const {
  const double scale = std::sqrt(setting.risk / n_);
  LassoDraw& draw = space.draw;
  draw.move(setting.penalty, scale, setting.tau);
  const LassoMeans means = draw.means();
  for (const double value : {means.nonzeros, means.error, means.trace, draw.shift()})
    *sums++ += 0.5 * value;
  const Indices& support = draw.walk().support();
  const Index s = static_cast<Index>(support.size());
  if (!grid_.retrain || s == 0) return;
  const Block y = space.images.block(s, kForm);
  for (Index i = 0; i < s; ++i) {
    y(i, 0) = basis_.cross()(support[i], 0);
    y(i, 1) = sign * scale * noise[support[i]];
    y(i, 2) = draw.walk().gradient()[support[i]];  // F w = Sigma (v's part) less Sigma theta
  }
  const auto put = [&](Traces traces, ConstBlock G, ConstBlock K) {
    *sums++ += 0.5 * traces.first;
    *sums++ += 0.5 * traces.second;
    for (const ConstBlock& form : {G, K})
      for (Index b = 0; b < kForm; ++b)
        for (Index a = 0; a < kForm; ++a) *sums++ += 0.5 * form(a, b);
  };
  space.forms.start(support, {s});
  if (!point.spectral) {
    space.forms.project(
        y, {s}, [](Index, ConstBlock rows) { return rows; },
        [&](Index, ConstBlock G, Index rank) {
          put({static_cast<double>(rank), static_cast<double>(rank)}, G, G);
        });
    return;
  }
  space.forms.reduce(s, y, whole_);
  const Block G = space.G.block(kForm, kForm), K = space.K.block(kForm, kForm);
  for (const double tau2 : point.nodes) put(space.forms.regularised(tau2, G, K), G, K);
}

/// The fixed point of the means, linear between the settings: E|S| = s, q = sigma^2 + E|u1 - u|^2,
/// and (1 - b) tau = ridge.
LassoStudy::Solved LassoStudy::solve(const LassoPoint& point,
                                     const std::vector<double>& mean) const {
  const Index length = setting_length(point),
              unknowns = static_cast<Index>(point.settings.size()) - 1;
  const LassoSetting& middle = point.settings.front();
  const auto at = [&](Index setting, Index i) { return mean[setting * length + i]; };
  OwnedMatrix system(unknowns, unknowns), right(unknowns, 1), x(unknowns, 1);
  const double floor = basis_.noise()(0, 0), spare = 1.0 - at(0, 2) / n_;
  right(0, 0) = static_cast<double>(point.s) / at(0, 0) - 1.0;
  right(1, 0) = (floor + at(0, 1)) / middle.risk - 1.0;
  if (unknowns == 3) right(2, 0) = grid_.ridge / middle.tau - spare;
  for (Index j = 0; j < unknowns; ++j) {
    const LassoSetting& other = point.settings[j + 1];
    system(0, j) = at(j + 1, 0) / at(0, 0) - 1.0;
    system(1, j) = ((other.risk - middle.risk) - (at(j + 1, 1) - at(0, 1))) / middle.risk;
    if (unknowns == 3)
      system(2, j) = spare * (other.tau / middle.tau - 1.0) - (at(j + 1, 2) - at(0, 2)) / n_;
  }
  double condition = 0.0;
  kernels::active().min_norm(unknowns, unknowns, 1, system.begin(), unknowns, right.begin(),
                             unknowns, 1e-10, x.begin(), unknowns, &condition);
  Solved solved{middle, std::vector<double>(mean.begin(), mean.begin() + length), 0.0};
  for (Index j = 0; j < unknowns; ++j) {
    const LassoSetting& other = point.settings[j + 1];
    const double part =
        std::isfinite(x(j, 0)) ? std::clamp(x(j, 0), -kBeyondLinear, kBeyondLinear) : 0.0;
    solved.setting.penalty += part * (other.penalty - middle.penalty);
    solved.setting.risk += part * (other.risk - middle.risk);
    solved.setting.tau += part * (other.tau - middle.tau);
    for (Index i = 0; i < length; ++i) solved.mean[i] += part * (at(j + 1, i) - at(0, i));
  }
  solved.spare = grid_.ridge > 0.0 ? grid_.ridge / solved.setting.tau
                                   : (n_ - static_cast<double>(point.s)) / n_;
  return solved;
}

double LassoStudy::retrained(const LassoPoint& point, const Solved& solved) const {
  if (!point.spectral && static_cast<double>(point.s) >= n_) return kInfinity;
  const OwnedMatrix omega(solved.setting.risk), shift(solved.mean[3]);
  const FirstMoments first{omega, basis_.noise(), shift, basis_.energy()};
  double risks[2], balance[2];
  for (Index node = 0; node < point.node_count(true); ++node) {
    const double* at = solved.mean.data() + kHead + node * kForms;
    const FormMeans means{
        at[0], at[1], {at + 2, kForm, kForm, kForm}, {at + 2 + kForm * kForm, kForm, kForm, kForm}};
    risks[node] = solve_second_stage(first, n_, means).risk;
    balance[node] = grid_.retrain_ridge / point.nodes[node] + at[0] / n_ - 1.0;
  }
  if (!point.spectral) return risks[0];
  const double part = balance[0] / (balance[0] - balance[1]);
  return std::isfinite(part)
             ? risks[0] + std::clamp(part, -kBeyondLinear, kBeyondLinear) * (risks[1] - risks[0])
             : risks[0];
}

/// Estimates all points; whether every relative standard error is small enough.
bool LassoStudy::estimate() {
  bool finished = true;
  const auto enough = [&](const Estimate& estimate) {
    return !(estimate.error > options_.rtol * std::abs(estimate.value));
  };
  for (std::size_t p = 0; p < points_.size(); ++p) {
    const LassoPoint& point = points_[p];
    Risks& risks = risks_[point.position];
    const Solved solved = solve(point, groups_[p].mean());
    penalties_[point.position] = solved.setting.penalty * solved.spare;
    risks.pruned =
        groups_[p].estimate([&](const auto& mean) { return solve(point, mean).setting.risk; });
    finished = finished && enough(risks.pruned);
    if (!grid_.retrain) continue;
    risks.retrained =
        groups_[p].estimate([&](const auto& mean) { return retrained(point, solve(point, mean)); });
    finished = finished && enough(risks.retrained);
  }
  return finished;
}

}  // namespace overprune::theory
