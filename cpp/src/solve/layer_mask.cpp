#include "solve/layer_mask.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <queue>
#include <utility>

#include "base/workers.hpp"
#include "overprune/pruning.hpp"
#include "overprune/random.hpp"

namespace overprune {
namespace {

/// The removals of one row, in order.
struct Removals {
  Indices order;
  std::vector<double> costs;
};

/// How many removals of each row make up the cheapest `budget`: always the row whose next one costs
/// least, of equal ones the first.
Indices cheapest_removals(const std::vector<Removals>& rows, Index budget) {
  using Next = std::pair<double, Index>;
  std::priority_queue<Next, std::vector<Next>, std::greater<>> next;
  Indices taken(rows.size(), 0);
  for (Index r = 0; r < static_cast<Index>(rows.size()); ++r)
    if (!rows[r].costs.empty()) next.emplace(rows[r].costs.front(), r);
  for (; budget > 0 && !next.empty(); --budget) {
    const Index r = next.top().second;
    next.pop();
    const auto at = static_cast<std::size_t>(++taken[r]);
    if (at < rows[r].costs.size()) next.emplace(rows[r].costs[at], r);
  }
  return taken;
}

}  // namespace

MaskChooser::MaskChooser(const LayerOptions& options, const Indices& live, Index inputs)
    : options_(options), live_(live), inputs_(inputs), most_(static_cast<Index>(live.size())) {
  if (options.group == 0) return;
  Indices count(inputs / options.group, 0);
  for (const Index j : live) {
    quota_.group.push_back(j / options.group);
    ++count[j / options.group];
  }
  most_ = 0;
  for (const Index own : count) {
    quota_.most.push_back(std::max<Index>(own - options.kept, 0));
    most_ += std::min(own, options.kept);
  }
}

Index MaskChooser::mean_count(Index rows) const {
  if (options_.group > 0) return most_;
  const Index wanted = options_.whole_layer ? options_.nonzeros / rows : options_.nonzeros;
  return std::min(most_, wanted);
}

std::vector<Indices> MaskChooser::all(const LayerProblem& layer, double damping, Index workers,
                                      const Poll& poll) const {
  const Index m = layer.weight.cols;
  if (options_.whole_layer)
    return options_.rule == LayerRule::surgeon ? by_cost(layer, damping, workers, poll)
                                               : by_score(layer, workers, poll);
  Indices rows(m);
  std::iota(rows.begin(), rows.end(), Index{0});
  return some(layer, damping, rows, Indices(m, mean_count(m)), workers, poll);
}

std::vector<Indices> MaskChooser::some(const LayerProblem& layer, double damping,
                                       std::span<const Index> rows, std::span<const Index> counts,
                                       Index workers, const Poll& poll) const {
  std::vector<Indices> supports(rows.size());
  const Index count = static_cast<Index>(rows.size());
  const auto monitor = [&](Index) { poll_now(poll); };
  if (options_.rule == LayerRule::surgeon) {
    const SurgeonMetric metric(layer.moment, damping);
    const auto start = [&]() -> Task {
      return [&, surgeon = std::make_shared<Surgeon>()](Index i, const Poll&) {
        surgeon->run(metric, layer.weight.col(rows[i]), counts[i], quota_);
        supports[i] = surgeon->survivors();
      };
    };
    run_tasks(count, workers, start, monitor);
    return supports;
  }
  const auto start = [&]() -> Task {
    return [&, space = std::make_shared<SelectionSpace>(),
            scores = std::vector<double>(live_.size())](Index i, const Poll&) mutable {
      score(layer, rows[i], scores.data());
      if (options_.group > 0)
        supports[i] = best_of_groups(scores.data());
      else
        top_k(vector_view(std::as_const(scores)), counts[i], *space, supports[i]);
    };
  };
  run_tasks(count, workers, start, monitor);
  return supports;
}

/// The cheapest removals of the whole layer, each row's own in the order of the surgeon.
std::vector<Indices> MaskChooser::by_cost(const LayerProblem& layer, double damping, Index workers,
                                          const Poll& poll) const {
  const Index m = layer.weight.cols, p = layer.moment.rows;
  const SurgeonMetric metric(layer.moment, damping);
  std::vector<Removals> rows(m);
  const auto start = [&]() -> Task {
    return [&, surgeon = std::make_shared<Surgeon>()](Index t, const Poll&) {
      surgeon->run(metric, layer.weight.col(t), 0, {});
      rows[t] = {surgeon->order(), surgeon->costs()};
    };
  };
  run_tasks(m, workers, start, [&](Index) { poll_now(poll); });
  const Indices taken = cheapest_removals(rows, std::max<Index>(m * p - options_.nonzeros, 0));
  std::vector<Indices> supports(m);
  for (Index t = 0; t < m; ++t) {
    supports[t].assign(rows[t].order.begin() + taken[t], rows[t].order.end());
    std::sort(supports[t].begin(), supports[t].end());
  }
  return supports;
}

std::vector<Indices> MaskChooser::by_score(const LayerProblem& layer, Index workers,
                                           const Poll& poll) const {
  const Index m = layer.weight.cols, p = layer.moment.rows;
  std::vector<double> scores(m * p);
  parallel_for(
      m, workers, [&](Index t, const Poll&) { score(layer, t, scores.data() + t * p); }, poll);
  std::vector<Indices> supports(m);
  for (const Index at :
       top_k(vector_view(std::as_const(scores)), std::min(m * p, options_.nonzeros)))
    supports[at / p].push_back(at % p);
  return supports;
}

/// Of every group the `kept` largest scores, of equal ones the first.
Indices MaskChooser::best_of_groups(const double* scores) const {
  Indices found, members;
  const Index p = static_cast<Index>(live_.size());
  for (Index first = 0; first < p;) {
    members.clear();
    Index end = first;
    for (; end < p && quota_.group[end] == quota_.group[first]; ++end) members.push_back(end);
    std::stable_sort(members.begin(), members.end(),
                     [&](Index a, Index b) { return scores[a] > scores[b]; });
    members.resize(std::min(end - first, options_.kept));
    std::sort(members.begin(), members.end());
    found.insert(found.end(), members.begin(), members.end());
    first = end;
  }
  return found;
}

void MaskChooser::score(const LayerProblem& layer, Index row, double* scores) const {
  const Index p = layer.moment.rows;
  if (options_.rule == LayerRule::random) {
    // By the inputs' own numbers, so that dead ones do not change what the others draw.
    std::vector<double> drawn(inputs_);
    uniform({options_.seed, static_cast<std::uint64_t>(row), Purpose::scores}, 0, inputs_,
            drawn.data());
    for (Index j = 0; j < p; ++j) scores[j] = drawn[live_[j]];
    return;
  }
  const double* weight = layer.weight.col(row);
  for (Index j = 0; j < p; ++j)
    scores[j] = std::abs(weight[j]) *
                (options_.rule == LayerRule::hessian ? std::sqrt(layer.moment(j, j)) : 1.0);
}

}  // namespace overprune
