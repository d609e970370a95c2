#include "theory/size_study.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/limits.hpp"
#include "base/workers.hpp"
#include "theory/dense_law.hpp"

namespace overprune::theory {
namespace {

constexpr Index kBatch = 8;    // pairs whose products with the eigenvectors are formed at once
constexpr Index kRound = 256;  // pairs whose statistics are held before they are added up in order
// of draws = 0, which doubles them until the errors are small enough
constexpr Index kFirstPairs = 32;
constexpr Index kMostPairs = Index{1} << 16;
constexpr Index kPilotPairs = 8;        // whose supports tell the second effective ridge about
constexpr Index kMostPilots = 512;      // likewise, where these say little
constexpr double kNodeDistance = 1.03;  // the forms are known at tau2 / 1.03 and 1.03 tau2
constexpr double kHalf = 0.5;           // of each draw of a pair
constexpr double kFarthest = 8.0;       // how many times that distance they are taken to be linear

/// |Q0 u1 - u|^2 with u1 = u + e - w, from the forms of [u' e w] at tau2 = 0.
double compensated_excess(const Remainder& remainder, ConstBlock G) {
  const Index m = remainder.energy().rows;
  const double sign[3] = {1.0, 1.0, -1.0};
  double excess = 0.0;
  for (Index t = 0; t < m; ++t) {
    excess += remainder.energy()(t, t);
    for (int a = 0; a < 3; ++a) {
      excess -= 2.0 * sign[a] * G(a * m + t, t);
      for (int b = 0; b < 3; ++b) excess += sign[a] * sign[b] * G(a * m + t, b * m + t);
    }
  }
  return std::max(excess, 0.0);
}

}  // namespace

/// One thread's memory.
struct SizeStudy::Workspace {
  explicit Workspace(const SizeStudy& study)
      : draws(study.basis_, study.law_, study.n_, study.options_.seed), forms(study.basis_) {}
  ModelDraws draws;
  SupportForms forms;
  Buffer G, K, columns;
};

SizeStudy::SizeStudy(const WhiteBasis& basis, Index n, const Grid& grid, const DrawOptions& options)
    : basis_(basis),
      n_(static_cast<double>(n)),
      grid_(grid),
      options_(options),
      law_(basis, n_, grid.ridge),
      whole_(MatrixLaw(basis, n_, grid.retrain_ridge).risk) {
  active_ = std::upper_bound(grid.nonzeros.begin(), grid.nonzeros.end(), basis.features()) -
            grid.nonzeros.begin();
  risks_.assign(grid.rules.size() * active_, {{kNaN, 0.0}, {kNaN, 0.0}, {kNaN, 0.0}});
  remainders_.emplace_back(basis_, law_);
}

void SizeStudy::run(Index workers, const Poll& poll) {
  plan(poll);
  if (points_.empty()) return;
  choose_nodes(poll);
  for (const Point& point : points_) groups_.emplace_back(point.length());
  Index target = options_.draws == 0 ? kFirstPairs : (options_.draws + 1) / 2;
  while (true) {
    for (Groups& groups : groups_) groups.reserve(target);
    draw_until(target, workers, poll);
    const bool finished = estimate();
    if (options_.draws != 0 || finished || pairs_ >= kMostPairs) return;
    target *= 2;
  }
}

void SizeStudy::plan(const Poll& poll) {
  const Index m = basis_.targets();
  for (std::size_t r = 0; r < grid_.rules.size(); ++r) {
    const Rule rule = grid_.rules[r];
    if (traits(rule).trains_itself) continue;  // LassoStudy
    const bool independent = traits(rule).needs_seed || !law_.finite;
    std::optional<ScoreBounds> bounds;
    for (Index i = 0; i < active_; ++i) {
      poll_now(poll);
      const Index s = grid_.nonzeros[i];
      if (closed_form(rule, s, risks_[static_cast<Index>(r) * active_ + i])) continue;
      if (!independent && !bounds) bounds = score_bounds(basis_, law_, n_, rule);
      points_.push_back({rule, static_cast<Index>(r), i, s, independent ? m : 3 * m,
                         independent ? 0 : remainder_without(certain_survivors(*bounds, s))});
    }
  }
}

Index SizeStudy::remainder_without(Indices kept) {
  for (std::size_t i = 0; i < remainders_.size(); ++i)
    if (remainders_[i].kept() == kept) return static_cast<Index>(i);
  remainders_.emplace_back(basis_, law_, std::move(kept));
  return static_cast<Index>(remainders_.size()) - 1;
}

/// Whether all of the point's risks are known without draws.
bool SizeStudy::closed_form(Rule rule, Index s, Risks& risks) const {
  if (s == basis_.features() ||
      (!traits(rule).needs_seed && basis_.diagonal() && s >= basis_.rank())) {
    risks = {
        {law_.risk, 0.0}, {whole_, 0.0}, {law_.risk, 0.0}};  // at most features without variance go
    return true;
  }
  Indices support = known_support(basis_, law_, rule, s);
  if (!support.empty()) {
    std::sort(support.begin(), support.end());
    risks = fixed_support(basis_, law_, n_, grid_, grid_.compensate, support);
    return true;
  }
  if (!law_.finite) risks.pruned = risks.compensated = {kInfinity, 0.0};
  if (law_.finite && traits(rule).needs_seed)
    risks.pruned = {expected_random(basis_, law_, n_, s), 0.0};
  const bool known = traits(rule).needs_seed || !law_.finite;  // the pruned risk
  return known && !grid_.retrain && !compensates();
}

/// Brackets the second effective ridge with the supports of the first pairs: of more of them where
/// two halves disagree, as they do for ranks that vary about n.
void SizeStudy::choose_nodes(const Poll& poll) {
  if (!grid_.retrain) return;
  Workspace space(*this);
  const Index asked = options_.draws == 0 ? kMostPilots : (options_.draws + 1) / 2;
  for (Point& point : points_) {
    if (grid_.retrain_ridge == 0.0 && static_cast<double>(point.s) <= n_) continue;
    std::array<std::vector<double>, 2> halves;  // eigenvalues of every second support
    double tau2 = 0.0, most = 0.0;              // most: the largest rank
    for (Index pairs = 0, target = kPilotPairs;; target *= 2) {
      for (; pairs < target; pairs += kPilotPairs) {
        space.draws.batch(pairs, kPilotPairs);
        for (Index pair = 0; pair < kPilotPairs; ++pair) {
          poll_now(poll);
          space.draws.select(pair, 1.0);
          const std::vector<double> values =
              basis_.eigenvalues(space.draws.order(point.rule, point.s));
          most = std::max(most, static_cast<double>(values.size()));
          halves[pair % 2].insert(halves[pair % 2].end(), values.begin(), values.end());
        }
      }
      std::vector<double> all = halves[0];
      all.insert(all.end(), halves[1].begin(), halves[1].end());
      const double half = static_cast<double>(target) / 2.0;
      const auto ridge_of = [&](const std::vector<double>& values, double supports) {
        return common_tau(values, supports, n_, grid_.retrain_ridge);
      };
      tau2 = ridge_of(all, 2.0 * half);
      const double apart = std::abs(ridge_of(halves[0], half) - ridge_of(halves[1], half));
      if (tau2 > 0.0 ? apart <= 2.0 * (kNodeDistance - 1.0) * tau2 : most <= n_) break;
      if (2 * target > std::min(asked, kMostPilots)) break;
    }
    point.spectral = tau2 > 0.0;
    point.nodes = {tau2 / kNodeDistance, tau2 * kNodeDistance};
  }
}

void SizeStudy::draw_until(Index target, Index workers, const Poll& poll) {
  while (pairs_ < target) {
    const Index round = std::min(kRound, target - pairs_), batches = (round + kBatch - 1) / kBatch;
    std::vector<Results> results(round);
    const auto draw = [&](Index batch, const Poll& stop) {
      Workspace space(*this);
      const Index first = batch * kBatch, count = std::min(kBatch, round - first);
      space.draws.batch(pairs_ + first, count);
      for (Index b = 0; b < count; ++b) {
        for (const Point& point : points_) results[first + b].emplace_back(point.length(), 0.0);
        for (const double sign : {1.0, -1.0}) {
          poll_now(stop);
          space.draws.select(b, sign);
          visit(space, results[first + b]);
        }
      }
    };
    parallel_for(batches, workers, draw, poll);
    for (const Results& pair : results)
      for (std::size_t i = 0; i < points_.size(); ++i)
        if (!points_[i].done) groups_[i].add(pair[i]);
    pairs_ += round;
  }
}

/// One draw at all points that are not done yet.
void SizeStudy::visit(Workspace& space, Results& results) const {
  for (const Rule rule : grid_.rules) {
    Index most = 0;
    for (const Point& point : points_)
      if (point.rule == rule && !point.done) most = std::max(most, point.s);
    if (most > 0) visit_rule(rule, space.draws.order(rule, most), space, results);
  }
}

void SizeStudy::visit_rule(Rule rule, const Indices& order, Workspace& space,
                           Results& results) const {
  const Index m = basis_.targets();
  Indices all, projected;
  std::vector<std::size_t> open, owner;  // points: all that are not done, and the projected ones
  bool full = compensates();
  for (std::size_t i = 0; i < points_.size(); ++i) {
    const Point& point = points_[i];
    if (point.rule != rule || point.done) continue;
    open.push_back(i);
    all.push_back(point.s);
    full = full || point.c > m;
    if (!compensates() && (point.spectral || !grid_.retrain)) continue;
    owner.push_back(i);
    projected.push_back(point.s);
  }
  std::vector<ConstBlock> signals;
  for (const Remainder& remainder : remainders_) signals.push_back(remainder.cross());
  space.forms.start(order, all);
  const Block y = space.draws.images(order, all.back(), full, signals);
  const auto columns = [&](Index i, ConstBlock rows) {
    const Point& point = points_[owner[i]];
    return columns_of(point, compensates() ? 3 * m : point.c, rows, space.columns);
  };
  const auto add = [&](Index i, ConstBlock G, Index rank) {
    add_projected(points_[owner[i]], G, rank, results[owner[i]]);
  };
  if (!projected.empty()) space.forms.project(y, projected, columns, add);
  for (const std::size_t i : open) {
    const Point& point = points_[i];
    const Remainder& remainder = remainders_[point.remainder];
    if (law_.finite && traits(rule).scores_coefficients)
      results[i][0] +=
          kHalf * space.forms.excess_risk(
                      point.s, space.draws.kept(order, point.s, remainder.mean()), remainder);
    if (point.spectral)
      add_spectral(point, columns_of(point, point.c, y.top(point.s), space.columns), space,
                   results[i]);
  }
}

/// Adds the forms at tau2 = 0, where Q is a projection and its own square.
void SizeStudy::add_projected(const Point& point, ConstBlock G, Index rank,
                              std::vector<double>& sums) const {
  if (compensates()) sums[1] += kHalf * compensated_excess(remainders_[point.remainder], G);
  if (point.spectral || !grid_.retrain) return;
  const double trace = static_cast<double>(rank);
  add_forms(point, 0, {trace, trace}, G, G, sums);
}

void SizeStudy::add_forms(const Point& point, Index node, Traces traces, ConstBlock G, ConstBlock K,
                          std::vector<double>& sums) const {
  double* at = sums.data() + point.node(node);
  *at++ += kHalf * traces.first;
  *at++ += kHalf * traces.second;
  for (const ConstBlock& form : {G, K})
    for (Index b = 0; b < point.c; ++b)
      for (Index a = 0; a < point.c; ++a) *at++ += kHalf * form(a, b);
}

ConstBlock SizeStudy::columns_of(const Point& point, Index count, ConstBlock rows,
                                 Buffer& buffer) const {
  if (point.remainder == 0) return rows.columns(0, count);
  const Index m = basis_.targets(),
              others = static_cast<Index>(remainders_.size()) - point.remainder;
  const Block chosen = buffer.block(rows.rows, count);
  copy(rows.columns(rows.cols - others * m, m), chosen.columns(0, m));
  copy(rows.columns(m, count - m), chosen.columns(m, count - m));
  return chosen;
}

void SizeStudy::add_spectral(const Point& point, ConstBlock y, Workspace& space,
                             std::vector<double>& sums) const {
  space.forms.reduce(point.s, y, remainders_[point.remainder]);
  const Block G = space.G.block(point.c, point.c), K = space.K.block(point.c, point.c);
  for (Index node = 0; node < point.node_count(); ++node)
    add_forms(point, node, space.forms.regularised(point.nodes[node], G, K), G, K, sums);
}

SecondStage SizeStudy::second_stage(const Point& point, const std::vector<double>& mean) const {
  const Remainder& remainder = remainders_[point.remainder];
  const FirstMoments moments{law_.omega, basis_.noise(), remainder.shift(), remainder.energy()};
  SecondStage first = solve_second_stage(moments, n_, point.means(mean, 0));
  first.tau = point.nodes[0];
  if (!point.spectral) return first;
  SecondStage second = solve_second_stage(moments, n_, point.means(mean, 1));
  second.tau = point.nodes[1];
  // The fixed point of tau2 lies where its balance, nearly linear in tau2 over so short a way,
  // vanishes.
  double balance[2];
  for (Index node = 0; node < 2; ++node)
    balance[node] = grid_.retrain_ridge / point.nodes[node] + mean[point.node(node)] / n_ - 1.0;
  if (!std::isfinite(first.risk)) return first;
  if (!std::isfinite(second.risk)) return second;
  const double at = balance[0] / (balance[0] - balance[1]);
  return interpolate(first, second,
                     std::isfinite(at) ? std::clamp(at, -kFarthest, 1.0 + kFarthest) : 0.0);
}

/// Estimates all points; whether every relative standard error is small enough.
bool SizeStudy::estimate() {
  const auto enough = [&](const Estimate& estimate) {
    return !(estimate.error > options_.rtol * std::abs(estimate.value));
  };
  const double floor = trace(basis_.noise());
  bool finished = true;
  for (std::size_t i = 0; i < points_.size(); ++i) {
    Point& point = points_[i];
    if (point.done) continue;
    Risks& risks = risks_[point.rule_position * active_ + point.position];
    point.done = true;
    if (law_.finite && traits(point.rule).scores_coefficients) {
      risks.pruned = groups_[i].estimate([&](const auto& mean) { return floor + mean[0]; });
      point.done = enough(risks.pruned);
    }
    if (compensates()) {
      risks.compensated = groups_[i].estimate([&](const auto& mean) { return floor + mean[1]; });
      point.done = point.done && enough(risks.compensated);
    }
    if (grid_.retrain) {
      risks.retrained =
          groups_[i].estimate([&](const auto& mean) { return second_stage(point, mean).risk; });
      point.done = point.done && enough(risks.retrained);
      // More draws do not help against rounding.
      risks.retrained.error =
          std::hypot(risks.retrained.error, second_stage(point, groups_[i].mean()).rounding);
    }
    finished = finished && point.done;
  }
  return finished;
}

}  // namespace overprune::theory
