#include "theory_draws.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "check.hpp"
#include "covariance.hpp"
#include "kernels/table.hpp"
#include "overprune/random.hpp"
#include "parallel.hpp"
#include "theory_law.hpp"

namespace overprune::theory {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr Index kBatch = 8;        // pairs whose products with the eigenvectors are formed at once
constexpr Index kFirstPairs = 32;  // of draws = 0, which doubles them until the errors are small enough
constexpr Index kMostPairs = 1 << 16;
constexpr Index kGroups = 64;           // of pairs, for the jackknife
constexpr Index kPilotPairs = 8;        // whose supports tell the second stage's effective ridge about
constexpr double kNodeDistance = 1.03;  // the forms are known at tau2 / 1.03 and 1.03 tau2, linear in between

}  // namespace

/// A (rule, nonzeros) whose risk needs draws.
struct Point {
  Rule rule;
  Index s = 0, position = 0;  // in grid.nonzeros
  bool independent = false;   // the support does not depend on the training noise
  bool spectral = false;      // tau2 > 0: the forms are kept at two values of it
  std::array<double, 2> nodes{0.0, 0.0};
  bool done = false;

  Index node_count() const { return spectral ? 2 : 1; }
};

/// Layout of what one pair of draws adds to a point: the excess risks of the pruned and the compensated
/// model, then for each node tr Q, tr Q^2, G (c, c), K (c, c).
struct Layout {
  Index c;
  Index node(Index i) const { return 2 + i * (2 + 2 * c * c); }
  Index size(Index nodes) const { return node(nodes); }
  Index forms(Index i) const { return node(i) + 2; }
};

/// Sums over pairs, in at most kGroups groups of equally many pairs.
class Groups {
 public:
  void start(Index length) { length_ = length; }
  /// @param per_group  pairs in one group; groups are merged when it grows
  void resize(Index per_group) {
    while (per_group_ < per_group) {
      const Index half = (count() + 1) / 2;
      for (Index g = 0; g < half; ++g) {
        for (Index i = 0; i < length_; ++i)
          sums_[g * length_ + i] =
              sums_[2 * g * length_ + i] + (2 * g + 1 < count() ? sums_[(2 * g + 1) * length_ + i] : 0.0);
        pairs_[g] = pairs_[2 * g] + (2 * g + 1 < count() ? pairs_[2 * g + 1] : 0);
      }
      pairs_.resize(half);
      sums_.resize(half * length_);
      per_group_ *= 2;
    }
  }
  void add(const double* values) {
    if (pairs_.empty() || pairs_.back() == per_group_) {
      pairs_.push_back(0);
      sums_.resize(sums_.size() + length_, 0.0);
    }
    ++pairs_.back();
    double* group = sums_.data() + (count() - 1) * length_;
    for (Index i = 0; i < length_; ++i) group[i] += values[i];
  }
  Index count() const { return static_cast<Index>(pairs_.size()); }
  /// Mean over all pairs but those of one group (-1: over all).
  std::vector<double> mean_without(Index group) const {
    std::vector<double> mean(length_, 0.0);
    Index pairs = 0;
    for (Index g = 0; g < count(); ++g) {
      if (g == group) continue;
      pairs += pairs_[g];
      for (Index i = 0; i < length_; ++i) mean[i] += sums_[g * length_ + i];
    }
    for (double& value : mean) value /= static_cast<double>(pairs);
    return mean;
  }

 private:
  Index length_ = 0, per_group_ = 1;
  std::vector<double> sums_;
  std::vector<Index> pairs_;
};

class SizeStudy::Work {
 public:
  Work(const Eigenbasis& basis, Index n, const Grid& grid, const DrawOptions& options)
      : basis_(basis),
        n_(static_cast<double>(n)),
        grid_(grid),
        options_(options),
        law_(basis, n_, grid.ridge),
        whole_(MatrixLaw(basis, n_, grid.retrain_ridge).risk),
        layout_{3 * basis.targets()} {
    const Index k = basis.features();
    active_ = std::upper_bound(grid.nonzeros.begin(), grid.nonzeros.end(), k) - grid.nonzeros.begin();
    risks_.assign(grid.rules.size() * active_, {{kNaN, 0.0}, {kNaN, 0.0}, {kNaN, 0.0}});
    noise_trace_ = 0.0;
    for (Index t = 0; t < basis.targets(); ++t) noise_trace_ += basis.noise()(t, t);
  }

  void run(Index workers, const Poll& poll) {
    plan(poll);
    if (points_.empty()) return;
    Workspace pilot(basis_);
    choose_nodes(pilot, poll);
    groups_.resize(points_.size());
    for (std::size_t i = 0; i < points_.size(); ++i)
      groups_[i].start(layout_of(points_[i]).size(points_[i].node_count()));
    const bool automatic = options_.draws == 0;
    Index target = automatic ? kFirstPairs : (options_.draws + 1) / 2;
    while (true) {
      const Index per_group = (target + kGroups - 1) / kGroups;
      Index power = 1;
      while (power < per_group) power *= 2;
      for (Groups& groups : groups_) groups.resize(power);
      draw_until(target, workers, poll);
      const bool finished = estimate();
      if (!automatic || finished || pairs_ >= kMostPairs) return;
      target *= 2;
    }
  }

  const MatrixLaw& law() const { return law_; }
  Index draws() const { return 2 * pairs_; }
  const Risks& risks(Index rule, Index nonzeros) const { return risks_[rule * active_ + nonzeros]; }

 private:
  /// One thread's memory.
  struct Workspace {
    explicit Workspace(const Eigenbasis& basis) : forms(basis) {}
    SupportForms forms;
    Buffer normals, scaled, noise, theta, sample, y, x, scores, shifted, G, K;
    Block noise_images, theta_images;  // (k, m kBatch) F e and its part of theta
  };
  using Results = std::vector<std::vector<double>>;  // per point

  Layout layout_of(const Point& point) const {
    return {point.independent ? basis_.targets() : 3 * basis_.targets()};
  }
  Risks& at(const Point& point) {
    const auto rule = std::find(grid_.rules.begin(), grid_.rules.end(), point.rule) - grid_.rules.begin();
    return risks_[rule * active_ + point.position];
  }

  /// Fills in what has a closed form and lists the rest.
  void plan(const Poll& poll);
  Risks fixed_support(const Indices& support) const;
  double expected_random(Index s) const;
  void choose_nodes(Workspace& space, const Poll& poll);
  void draw_until(Index target, Index workers, const Poll& poll);
  void draw_batch(Index first, Index count, Workspace& space) const;
  /// The model and F e of one draw, (k, m) each: pair number `column` of the batch.
  void draw_model(const Workspace& space, Index column, double sign, Block theta, Block noise) const;
  Indices order_of(Rule rule, ConstBlock theta, std::uint64_t pair, double sign, Index most,
                   Workspace& space) const;
  void visit(std::uint64_t pair, Index column, Workspace& space, Results& results) const;
  void visit_rule(Rule rule, const Indices& order, ConstBlock theta, ConstBlock noise, double weight,
                  Workspace& space, Results& results) const;
  Block gather(const Indices& order, Index s, ConstBlock theta, ConstBlock noise, bool full,
               Workspace& space) const;
  double compensated_excess(ConstBlock G) const;
  bool estimate();
  /// Retrained risk from the mean of a point's statistics.
  double retrained(const Point& point, const std::vector<double>& mean) const;
  Estimate jackknife(const Groups& groups,
                     const std::function<double(const std::vector<double>&)>& statistic) const;

  const Eigenbasis& basis_;
  double n_;
  const Grid& grid_;
  DrawOptions options_;
  MatrixLaw law_;
  double whole_;
  Layout layout_;
  Index active_ = 0, pairs_ = 0;
  double noise_trace_ = 0.0;
  std::vector<Risks> risks_;
  std::vector<Point> points_;
  std::vector<Groups> groups_;
};

void SizeStudy::Work::plan(const Poll& poll) {
  const Index k = basis_.features();
  for (std::size_t r = 0; r < grid_.rules.size(); ++r)
    for (Index i = 0; i < active_; ++i) {
      poll_now(poll);
      const Rule rule = grid_.rules[r];
      const Index s = grid_.nonzeros[i];
      Risks& risks = risks_[static_cast<Index>(r) * active_ + i];
      if (s == k || (rule != Rule::random && s >= basis_.rank() && basis_.diagonal())) {
        // Nothing is pruned, or only features without variance.
        risks = {{law_.risk, 0.0}, {whole_, 0.0}, {law_.risk, 0.0}};
        continue;
      }
      if (rule == Rule::oracle) {
        std::vector<double> scores(k);
        basis_.problem().oracle_scores(k, scores.data());
        risks = fixed_support(top_k({scores.data(), k, 1}, s));
        continue;
      }
      if (rule != Rule::random && law_.risk == 0.0) {  // without noise the survivors are certain
        std::vector<double> scores(k);
        const std::vector<double>& curvature = basis_.root_variances();
        rank_scores(column_major(law_.mean.data, k, basis_.targets()),
                    rule == Rule::hessian ? vector_view(curvature) : ConstVector{}, {scores.data(), k, 1});
        risks = fixed_support(top_k({scores.data(), k, 1}, s));
        continue;
      }
      if (!law_.finite) risks.pruned = risks.compensated = {kInfinity, 0.0};
      if (rule == Rule::random && law_.finite) risks.pruned = {expected_random(s), 0.0};
      if (!grid_.retrain && !options_.compensate && rule == Rule::random) continue;
      if (!law_.finite && !grid_.retrain) continue;
      Point point{rule, s, i};
      point.independent = rule == Rule::random || !law_.finite;
      points_.push_back(point);
    }
}

/// Risks where the support is known beforehand.
SizeStudy::Risks SizeStudy::Work::fixed_support(const Indices& support) const {
  const Index s = static_cast<Index>(support.size()), m = basis_.targets(), r = basis_.rank();
  Risks risks{{kInfinity, 0.0}, {kNaN, 0.0}, {kInfinity, 0.0}};
  SupportForms forms(basis_);
  forms.start(support, {s});
  if (law_.finite) {
    Buffer kept_buffer, sigma_buffer, spread_buffer, image_buffer;
    const Block kept = kept_buffer.block(s, m), sigma = sigma_buffer.block(s, s),
                spread = spread_buffer.block(s, s);
    for (Index t = 0; t < m; ++t)
      for (Index i = 0; i < s; ++i) kept(i, t) = law_.mean(support[i], t);
    std::vector<double> weights(r);
    for (Index j = 0; j < r; ++j) weights[j] = law_.shrink[j] * law_.shrink[j];
    basis_.weighted_block(support, weights, spread);
    basis_.principal_block(support, sigma);
    double noise = 0.0;
    for (Index j = 0; j < s; ++j)
      for (Index i = 0; i < s; ++i) noise += sigma(i, j) * spread(i, j);
    risks.pruned.value = noise_trace_ + forms.excess_risk(s, kept) + law_.risk / n_ * noise;
    if (options_.compensate) {
      // Survivors Sigma_SS^{-1} (Sigma theta)_S, whose mean and spread are known.
      const Block target = image_buffer.block(s, m), image = spread_buffer.block(s, s);
      Buffer full_buffer, full_image;
      const Block mean = full_buffer.block(r, m), all = full_image.block(basis_.features(), m);
      for (Index j = 0; j < r; ++j) {
        const double a = law_.shrink[j] * law_.root_values[j];
        weights[j] = basis_.values()[j] * a * a;
        for (Index t = 0; t < m; ++t) mean(j, t) = a * basis_.signal()(j, t);
      }
      basis_.combine(law_.root_values, mean, all);
      for (Index t = 0; t < m; ++t)
        for (Index i = 0; i < s; ++i) target(i, t) = all(support[i], t);
      solve_covariance(sigma, target, kept);
      basis_.weighted_block(support, weights, image);
      Buffer solved_buffer;
      const Block solved = solved_buffer.block(s, s);
      solve_covariance(sigma, image, solved);
      double trace = 0.0;
      for (Index i = 0; i < s; ++i) trace += solved(i, i);
      risks.compensated.value = noise_trace_ + forms.excess_risk(s, kept) + law_.risk / n_ * trace;
    }
  }
  if (grid_.retrain) {
    const LinearGaussianProblem part = basis_.problem().restrict(support);
    risks.retrained.value = MatrixLaw(Eigenbasis(part), n_, grid_.retrain_ridge).risk;
  }
  return risks;
}

/// Pruned risk averaged over uniform supports: two coordinates survive together with probability
/// s (s - 1) / (k (k - 1)).
double SizeStudy::Work::expected_random(Index s) const {
  const Index k = basis_.features(), r = basis_.rank(), m = basis_.targets();
  const double one = static_cast<double>(s) / static_cast<double>(k);
  const double two = k > 1 ? one * static_cast<double>(s - 1) / static_cast<double>(k - 1) : one;
  const double spread = law_.risk / n_;
  std::vector<double> weights(r);
  double risk = noise_trace_, together = 0.0, apart = 0.0;
  for (Index j = 0; j < r; ++j) {
    const double a = law_.shrink[j] * law_.root_values[j];
    weights[j] = law_.shrink[j] * law_.shrink[j];
    together += spread * a * a;
    for (Index t = 0; t < m; ++t) {
      const double u = basis_.signal()(j, t);
      together += a * a * u * u;
      risk += u * u - 2.0 * one * a * u * u;
    }
  }
  const std::vector<double> variance = basis_.weighted_diagonal(weights);
  for (Index i = 0; i < k; ++i) {
    double square = spread * variance[i];
    for (Index t = 0; t < m; ++t) square += law_.mean(i, t) * law_.mean(i, t);
    apart += basis_.problem().variances()(i) * square;
  }
  return risk + two * together + (one - two) * apart;
}

void SizeStudy::Work::draw_batch(Index first, Index count, Workspace& space) const {
  const Index r = basis_.rank(), m = basis_.targets(), k = basis_.features();
  const Block h = space.normals.block(r, m), e = space.scaled.block(r, m * count);
  const double root_n = std::sqrt(n_);
  for (Index b = 0; b < count; ++b) {
    const auto pair = static_cast<std::uint64_t>(first + b);
    standard_normal({options_.seed, pair, Purpose::draws}, 0, r * m, h.data);
    for (Index t = 0; t < m && r >= 16; ++t) {  // the length of a long vector is almost certain: make it so
      const double length = std::sqrt(norm2(h.columns(t, 1)) / static_cast<double>(r));
      for (Index j = 0; j < r; ++j) h(j, t) /= length;
    }
    kernels::active().gemm(false, true, r, m, m, 1.0 / root_n, h.data, h.ld, law_.root.data, law_.root.ld,
                           0.0, e.col(b * m), e.ld);
  }
  space.noise_images = space.noise.block(k, m * count);
  space.theta_images = space.theta.block(k, m * count);
  Buffer copy_buffer;
  const Block again = copy_buffer.block(r, m * count);
  copy(e, again);
  basis_.combine(law_.root_values, e, space.noise_images);
  basis_.combine(law_.shrink, again, space.theta_images);
}

void SizeStudy::Work::draw_model(const Workspace& space, Index column, double sign, Block theta,
                                 Block noise) const {
  const Index m = basis_.targets();
  for (Index t = 0; t < m; ++t)
    for (Index i = 0; i < theta.rows; ++i) {
      noise(i, t) = sign * space.noise_images(i, column * m + t);
      theta(i, t) = (law_.finite ? law_.mean(i, t) : 0.0) + sign * space.theta_images(i, column * m + t);
    }
}

Indices SizeStudy::Work::order_of(Rule rule, ConstBlock theta, std::uint64_t pair, double sign, Index most,
                                  Workspace& space) const {
  const Index k = basis_.features();
  double* scores = space.scores.get(k);
  if (rule == Rule::random) {
    uniform({options_.seed, 2 * pair + (sign < 0.0 ? 1 : 0), Purpose::scores}, 0, k, scores);
  } else {
    const std::vector<double>& curvature = basis_.root_variances();
    rank_scores({theta.data, k, theta.cols, 1, theta.ld},
                rule == Rule::hessian ? vector_view(curvature) : ConstVector{}, {scores, k, 1});
  }
  return top_k_order({scores, k, 1}, most);
}

/// Y = (F [u e w])_S, or (F u)_S.
Block SizeStudy::Work::gather(const Indices& order, Index s, ConstBlock theta, ConstBlock noise, bool full,
                              Workspace& space) const {
  const Index m = basis_.targets();
  const Block y = space.y.block(s, full ? 3 * m : m);
  for (Index t = 0; t < m; ++t)
    for (Index i = 0; i < s; ++i) {
      y(i, t) = basis_.cross()(order[i], t);
      if (!full) continue;
      y(i, m + t) = noise(order[i], t);
      y(i, 2 * m + t) = law_.tau * theta(order[i], t);
    }
  return y;
}

/// |Q0 u1 - u|^2 with u1 = u + e - w, from the forms at tau2 = 0.
double SizeStudy::Work::compensated_excess(ConstBlock G) const {
  const Index m = basis_.targets();
  double excess = 0.0;
  const double sign[3] = {1.0, 1.0, -1.0};
  for (Index t = 0; t < m; ++t) {
    excess += basis_.energy()(t, t);
    for (int a = 0; a < 3; ++a) {
      excess -= 2.0 * sign[a] * G(a * m + t, t);
      for (int b = 0; b < 3; ++b) excess += sign[a] * sign[b] * G(a * m + t, b * m + t);
    }
  }
  return std::max(excess, 0.0);
}

void SizeStudy::Work::visit_rule(Rule rule, const Indices& order, ConstBlock theta, ConstBlock noise,
                                 double weight, Workspace& space, Results& results) const {
  const Index m = basis_.targets();
  Indices all, projected;
  std::vector<Index> owner;
  bool full = false;
  for (std::size_t i = 0; i < points_.size(); ++i) {
    const Point& point = points_[i];
    if (point.rule != rule || point.done) continue;
    all.push_back(point.s);
    const bool compensate = options_.compensate && law_.finite;
    full = full || !point.independent || compensate;
    if (compensate || (grid_.retrain && !point.spectral)) {
      projected.push_back(point.s);
      owner.push_back(static_cast<Index>(i));
    }
  }
  if (all.empty()) return;
  const Index most = all.back();
  space.forms.start(order, all);
  const Block y = gather(order, most, theta, noise, full, space);
  Block kept;
  if (law_.finite) {
    kept = space.x.block(most, m);
    for (Index t = 0; t < m; ++t)
      for (Index i = 0; i < most; ++i) kept(i, t) = theta(order[i], t);
  }
  if (!projected.empty())
    space.forms.project(y, projected, [&](Index i, ConstBlock G, Index rank) {
      const Point& point = points_[owner[i]];
      std::vector<double>& sums = results[owner[i]];
      if (options_.compensate && law_.finite) sums[1] += weight * compensated_excess(G);
      if (point.spectral || !grid_.retrain) return;
      const Layout layout = layout_of(point);
      sums[layout.node(0)] += weight * static_cast<double>(rank);
      sums[layout.node(0) + 1] += weight * static_cast<double>(rank);
      double* forms = sums.data() + layout.forms(0);
      for (Index b = 0; b < layout.c; ++b)
        for (Index a = 0; a < layout.c; ++a) {
          forms[a + b * layout.c] += weight * G(a, b);
          forms[a + (b + layout.c) * layout.c] += weight * G(a, b);
        }
    });
  for (std::size_t i = 0; i < points_.size(); ++i) {
    const Point& point = points_[i];
    if (point.rule != rule || point.done) continue;
    std::vector<double>& sums = results[i];
    if (law_.finite) sums[0] += weight * space.forms.excess_risk(point.s, kept.top(point.s));
    if (!point.spectral || !grid_.retrain) continue;
    const Layout layout = layout_of(point);
    const auto& spectral = space.forms.decompose(point.s, y.top(point.s).columns(0, layout.c));
    const Block G = space.G.block(layout.c, layout.c), K = space.K.block(layout.c, layout.c);
    for (Index node = 0; node < 2; ++node) {
      const double tau2 = point.nodes[node];
      const Traces traces = regularised_traces(spectral.values, tau2);
      regularised_forms(spectral, tau2, G, K);
      sums[layout.node(node)] += weight * traces.first;
      sums[layout.node(node) + 1] += weight * traces.second;
      double* forms = sums.data() + layout.forms(node);
      for (Index j = 0; j < layout.c * layout.c; ++j) {
        forms[j] += weight * G.data[j];
        forms[layout.c * layout.c + j] += weight * K.data[j];
      }
    }
  }
}

void SizeStudy::Work::visit(std::uint64_t pair, Index column, Workspace& space, Results& results) const {
  const Index k = basis_.features(), m = basis_.targets();
  const Block sample = space.sample.block(k, 2 * m);
  const Block theta = sample.columns(0, m), noise = sample.columns(m, m);
  for (std::size_t i = 0; i < points_.size(); ++i)
    results[i].assign(layout_of(points_[i]).size(points_[i].node_count()), 0.0);
  for (const double sign : {1.0, -1.0}) {
    draw_model(space, column, sign, theta, noise);
    for (const Rule rule : grid_.rules) {
      Index most = 0;
      for (const Point& point : points_)
        if (point.rule == rule && !point.done) most = std::max(most, point.s);
      if (most == 0) continue;
      visit_rule(rule, order_of(rule, theta, pair, sign, most, space), theta, noise, 0.5, space, results);
    }
  }
}

/// Brackets the second stage's effective ridge with the supports of the first pairs.
void SizeStudy::Work::choose_nodes(Workspace& space, const Poll& poll) {
  if (!grid_.retrain) return;
  const Index m = basis_.targets(), k = basis_.features();
  const Block sample = space.sample.block(k, 2 * m);
  const Block theta = sample.columns(0, m), noise = sample.columns(m, m);
  bool drawn = false;
  for (Point& point : points_) {
    if (grid_.retrain_ridge == 0.0 && static_cast<double>(point.s) <= n_) continue;
    if (!drawn) draw_batch(0, kPilotPairs, space);
    drawn = true;
    std::vector<double> values, weights;
    for (Index pair = 0; pair < kPilotPairs; ++pair) {
      poll_now(poll);
      draw_model(space, pair, 1.0, theta, noise);
      const Indices order =
          order_of(point.rule, theta, static_cast<std::uint64_t>(pair), 1.0, point.s, space);
      space.forms.start(order, {point.s});
      const auto& spectral =
          space.forms.decompose(point.s, gather(order, point.s, theta, noise, false, space));
      values.insert(values.end(), spectral.values.begin(), spectral.values.end());
    }
    weights.assign(values.size(), 1.0 / kPilotPairs);
    const double total = static_cast<double>(values.size()) / kPilotPairs;
    const double tau2 = solve_tau(values, weights, total, n_, grid_.retrain_ridge);
    point.spectral = tau2 > 0.0;
    point.nodes = {tau2 / kNodeDistance, tau2 * kNodeDistance};
  }
}

void SizeStudy::Work::draw_until(Index target, Index workers, const Poll& poll) {
  constexpr Index kRound = 256;  // pairs whose statistics are held before they are added up in order
  while (pairs_ < target) {
    const Index round = std::min(kRound, target - pairs_), batches = (round + kBatch - 1) / kBatch;
    std::vector<Results> results(round, Results(points_.size()));
    std::vector<Workspace> spaces;
    parallel_for(
        batches, workers,
        [&](Index batch, const Poll& stop) {
          Workspace space(basis_);
          const Index first = batch * kBatch, count = std::min(kBatch, round - first);
          draw_batch(pairs_ + first, count, space);
          for (Index b = 0; b < count; ++b) {
            poll_now(stop);
            visit(static_cast<std::uint64_t>(pairs_ + first + b), b, space, results[first + b]);
          }
        },
        poll);
    for (const Results& pair : results)
      for (std::size_t i = 0; i < points_.size(); ++i)
        if (!points_[i].done) groups_[i].add(pair[i].data());
    pairs_ += round;
  }
}

double SizeStudy::Work::retrained(const Point& point, const std::vector<double>& mean) const {
  const Layout layout = layout_of(point);
  const auto means_at = [&](Index node) {
    const double* forms = mean.data() + layout.forms(node);
    const Index c = layout.c;
    return FormMeans{
        mean[layout.node(node)], mean[layout.node(node) + 1], {forms, c, c, c}, {forms + c * c, c, c, c}};
  };
  const double first = solve_memory(basis_, law_, n_, means_at(0)).risk;
  if (!point.spectral) return first;
  const double second = solve_memory(basis_, law_, n_, means_at(1)).risk;
  // The fixed point of tau2 lies where its balance, nearly linear in log tau2, vanishes.
  double balance[2];
  for (Index node = 0; node < 2; ++node)
    balance[node] = grid_.retrain_ridge / point.nodes[node] + mean[layout.node(node)] / n_ - 1.0;
  const double at = balance[0] / (balance[0] - balance[1]);
  return std::isfinite(at) ? first + at * (second - first) : first;
}

Estimate SizeStudy::Work::jackknife(
    const Groups& groups, const std::function<double(const std::vector<double>&)>& statistic) const {
  const double value = statistic(groups.mean_without(-1));
  const Index count = groups.count();
  if (count < 2 || !std::isfinite(value)) return {value, count < 2 ? kInfinity : 0.0};
  std::vector<double> without(count);
  for (Index g = 0; g < count; ++g) without[g] = statistic(groups.mean_without(g));
  const double mean = std::accumulate(without.begin(), without.end(), 0.0) / static_cast<double>(count);
  double square = 0.0;
  for (const double other : without) square += (other - mean) * (other - mean);
  return {value, std::sqrt(square * static_cast<double>(count - 1) / static_cast<double>(count))};
}

/// Estimates all points; whether every relative standard error is small enough.
bool SizeStudy::Work::estimate() {
  const auto enough = [&](const Estimate& estimate) {
    return !(estimate.stderr_ > options_.rtol * std::abs(estimate.value));
  };
  bool finished = true;
  for (std::size_t i = 0; i < points_.size(); ++i) {
    Point& point = points_[i];
    if (point.done) continue;
    Risks& risks = at(point);
    bool done = true;
    if (law_.finite && point.rule != Rule::random) {
      risks.pruned = jackknife(groups_[i], [&](const auto& mean) { return noise_trace_ + mean[0]; });
      done = enough(risks.pruned);
    }
    if (law_.finite && options_.compensate) {
      risks.compensated = jackknife(groups_[i], [&](const auto& mean) { return noise_trace_ + mean[1]; });
      done = done && enough(risks.compensated);
    }
    if (grid_.retrain) {
      risks.retrained = jackknife(groups_[i], [&](const auto& mean) { return retrained(point, mean); });
      done = done && enough(risks.retrained);
    }
    point.done = done;
    finished = finished && done;
  }
  return finished;
}

SizeStudy::SizeStudy(const Eigenbasis& basis, Index n, const Grid& grid, const DrawOptions& options)
    : work_(std::make_unique<Work>(basis, n, grid, options)) {}
SizeStudy::~SizeStudy() = default;
void SizeStudy::run(Index workers, const Poll& poll) { work_->run(workers, poll); }
Index SizeStudy::draws() const { return work_->draws(); }
double SizeStudy::dense() const { return work_->law().risk; }
SizeStudy::Risks SizeStudy::risks(Index rule, Index nonzeros) const { return work_->risks(rule, nonzeros); }

}  // namespace overprune::theory

namespace overprune {

DrawnResult predict(const LinearGaussianProblem& problem, Index n, const Grid& grid,
                    const DrawOptions& options, const std::function<void()>& poll) {
  check::at_least("n", n, 1);
  check_grid(grid, problem.features());
  check::at_least("draws", options.draws, 0);
  check::at_least("workers", options.workers, 1);
  if (!(options.rtol > 0.0)) check::fail("rtol must be positive, got ", options.rtol);
  const Index K = static_cast<Index>(grid.sizes.size()), S = static_cast<Index>(grid.nonzeros.size()),
              R = static_cast<Index>(grid.rules.size());
  const double nan = std::numeric_limits<double>::quiet_NaN();
  DrawnResult result;
  result.dense_risk.resize(K);
  result.draws.resize(K);
  result.pruned_risk.assign(R * K * S, nan);
  result.pruned_stderr = result.pruned_risk;
  if (grid.retrain) result.retrained_risk = result.retrained_stderr = result.pruned_risk;
  if (options.compensate) result.compensated_risk = result.compensated_stderr = result.pruned_risk;
  const Index outer = std::min(options.workers, K), inner = std::max<Index>(1, options.workers / outer);
  parallel_for(
      K, outer,
      [&](Index i, const Poll& stop) {
        const Index k = grid.sizes[K - 1 - i];  // the largest first, so that the threads end together
        Indices first(k);
        std::iota(first.begin(), first.end(), Index{0});
        const LinearGaussianProblem part = problem.restrict(first);
        const theory::Eigenbasis basis(part);
        theory::SizeStudy study(basis, n, grid, options);
        study.run(inner, stop);
        const Index at = K - 1 - i;
        result.dense_risk[at] = study.dense();
        result.draws[at] = study.draws();
        for (Index r = 0; r < R; ++r)
          for (Index s = 0; s < S && grid.nonzeros[s] <= k; ++s) {
            const auto risks = study.risks(r, s);
            const Index to = (r * K + at) * S + s;
            result.pruned_risk[to] = risks.pruned.value;
            result.pruned_stderr[to] = risks.pruned.stderr_;
            if (grid.retrain) {
              result.retrained_risk[to] = risks.retrained.value;
              result.retrained_stderr[to] = risks.retrained.stderr_;
            }
            if (options.compensate) {
              result.compensated_risk[to] = risks.compensated.value;
              result.compensated_stderr[to] = risks.compensated.stderr_;
            }
          }
      },
      poll);
  return result;
}

}  // namespace overprune
