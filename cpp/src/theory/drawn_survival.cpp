// The support that pruning leaves, by draws of the dense model: any covariance, several targets;
// docs/theory.md, section 6.
#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

#include "base/check.hpp"
#include "base/workers.hpp"
#include "overprune/theory.hpp"
#include "theory/groups.hpp"
#include "theory/laws.hpp"
#include "theory/survival.hpp"

namespace overprune {
namespace theory {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Counts of draws, which add up to the same in any order.
struct Counts {
  Counts(Index levels, Index k) : survived(levels * k), both(levels * k) {}

  void add(const Counts& other) {
    for (std::size_t i = 0; i < survived.size(); ++i) {
      survived[i] += other.survived[i];
      both[i] += other.both[i];
    }
  }
  /// (S, k) draws in which a feature is among the s_j largest but not the s_{j-1} largest; and
  /// likewise pairs for both of whose draws that is so.
  std::vector<std::int64_t> survived, both;
};

class DrawnSurvival {
 public:
  DrawnSurvival(const FirstStage& first, const PruningPoint& point, const Indices& nonzeros,
                const LawDraws& options, const std::vector<char>& oracle)
      : first_(first),
        point_(point),
        nonzeros_(nonzeros),
        seed_(options.seed),
        oracle_(oracle),
        levels_(static_cast<Index>(nonzeros.size())),
        pairs_((options.draws + 1) / 2),
        counts_(levels_, point.size),
        thresholds_(pairs_ * levels_),
        overlaps_(pairs_ * levels_) {}

  void run(Index workers, const Poll& poll) {
    const Index chunks = std::min(workers, (pairs_ + kBatch - 1) / kBatch);
    std::mutex mutex;
    const auto run_chunk = [&](Index chunk, const Poll& stop) {
      Counts counts(levels_, point_.size);
      ModelDraws draws(first_.basis, first_.law, first_.n, seed_, false);
      for (Index start = chunk * kBatch; start < pairs_; start += chunks * kBatch) {
        const Index count = std::min(kBatch, pairs_ - start);
        draws.batch(start, count, false);
        for (Index b = 0; b < count; ++b) {
          poll_now(stop);
          add_pair(start + b, b, draws, counts);
        }
      }
      const std::lock_guard lock(mutex);
      counts_.add(counts);
    };
    parallel_for(chunks, workers, run_chunk, poll);
  }

  void write(Survival& result) const {
    const Index k = point_.size;
    const double pairs = static_cast<double>(pairs_);
    result.probability_stderr = result.probability;
    result.threshold_stderr = result.threshold;
    result.overlap_stderr = result.overlap;
    std::vector<std::int64_t> survived(k, 0), both(k, 0);
    for (Index s = 0; s < levels_; ++s) {
      for (Index i = 0; i < k; ++i) {
        survived[i] += counts_.survived[s * k + i];
        both[i] += counts_.both[s * k + i];
        // Of a pair the mean of two indicators a and b: its square is (a + b + 2 a b) / 4.
        const double sum = 0.5 * static_cast<double>(survived[i]),
                     squares = 0.5 * sum + 0.5 * static_cast<double>(both[i]);
        const double mean = sum / pairs, spread = std::max(squares / pairs - mean * mean, 0.0);
        put({mean, pairs > 1.0 ? std::sqrt(spread / (pairs - 1.0)) : kInfinity}, s * k + i,
            result.probability, result.probability_stderr);
      }
      put(mean_over_pairs(thresholds_, s), s, result.threshold, result.threshold_stderr);
      put(mean_over_pairs(overlaps_, s), s, result.overlap, result.overlap_stderr);
      if (!first_.law.finite) {
        result.threshold[s] = kInfinity;
        result.threshold_stderr[s] = 0.0;
      }
    }
  }

 private:
  static constexpr Index kBatch = 16;

  void add_pair(Index pair, Index column, ModelDraws& draws, Counts& counts) {
    const Index k = point_.size, most = nonzeros_.back();
    Indices level(k, levels_), before;  // the first s with which a feature survives; levels_: none
    for (const double sign : {1.0, -1.0}) {
      draws.select(column, sign);
      const Indices order = draws.order(point_.rule, std::min(most + 1, k));
      Index s = 0;
      for (Index at = 0; at < most; ++at) {
        level[order[at]] = s;
        ++counts.survived[s * k + order[at]];
        if (at + 1 != nonzeros_[s]) continue;
        const double last = draws.scores()[order[at]],
                     next = at + 1 < k ? draws.scores()[order[at + 1]] : -last;
        thresholds_[pair * levels_ + s] += 0.25 * last + 0.25 * next;
        Index shared = 0;
        for (Index j = 0; j <= at; ++j) shared += oracle_[s * k + order[j]];
        overlaps_[pair * levels_ + s] +=
            0.5 * static_cast<double>(shared) / static_cast<double>(at + 1);
        ++s;
      }
      if (sign > 0.0) {
        before = level;
        std::fill(level.begin(), level.end(), levels_);
      }
    }
    for (Index i = 0; i < k; ++i) {
      const Index later = std::max(level[i], before[i]);
      if (later < levels_) ++counts.both[later * k + i];
    }
  }

  Estimate mean_over_pairs(const std::vector<double>& values, Index s) const {
    std::vector<double> own;
    for (Index pair = 0; pair < pairs_; ++pair) own.push_back(values[pair * levels_ + s]);
    return mean_of(std::move(own));
  }

  static void put(const Estimate& estimate, Index at, std::vector<double>& values,
                  std::vector<double>& errors) {
    values[at] = estimate.value;
    errors[at] = estimate.error;
  }

  const FirstStage& first_;
  const PruningPoint& point_;
  const Indices& nonzeros_;
  std::uint64_t seed_;
  const std::vector<char>& oracle_;
  Index levels_, pairs_;
  Counts counts_;
  std::vector<double> thresholds_, overlaps_;  // (pairs, S)
};

}  // namespace
}  // namespace theory

namespace {

/// Survival under the rules that do not look at the model.
void write_known(const PruningPoint& point, const Indices& nonzeros, const Indices& order,
                 const std::vector<double>& scores, Survival& result) {
  const bool oracle = traits(point.rule).needs_truth;
  for (std::size_t s = 0; s < nonzeros.size(); ++s) {
    const double share = static_cast<double>(nonzeros[s]) / static_cast<double>(point.size);
    if (oracle) result.threshold[s] = scores[order[nonzeros[s] - 1]];
    result.overlap[s] = oracle ? 1.0 : share;
    const std::size_t first = s * static_cast<std::size_t>(point.size);
    for (std::size_t i = first; i < first + static_cast<std::size_t>(point.size); ++i)
      result.probability[i] = oracle ? static_cast<double>(result.oracle[i]) : share;
  }
}

}  // namespace

Survival survival(const LinearGaussianProblem& problem, const PruningPoint& point,
                  const Indices& nonzeros, const LawDraws& options,
                  const std::function<void()>& poll) {
  const Interruptible interruptible(poll);
  theory::check_point(problem, point, nonzeros, options);
  const theory::FirstStage first = theory::first_stage(problem, point);
  const Index k = point.size, levels = static_cast<Index>(nonzeros.size());
  Survival result;
  result.probability.assign(levels * k, 0.0);
  result.threshold.assign(levels, std::numeric_limits<double>::quiet_NaN());
  result.overlap.assign(levels, 0.0);
  result.oracle.assign(levels * k, 0);
  std::vector<double> scores(k);
  first.problem.oracle_scores(k, scores.data());
  const Indices order = top_k_order(vector_view(scores), nonzeros.back());
  for (Index s = 0; s < levels; ++s)
    for (Index j = 0; j < nonzeros[s]; ++j) result.oracle[s * k + order[j]] = 1;
  if (!traits(point.rule).scores_coefficients) {
    write_known(point, nonzeros, order, scores, result);
  } else if (problem.diagonal() && problem.targets() == 1) {
    const auto write = [&](Index s, double threshold, const std::vector<double>& probability) {
      if (poll) poll();
      result.threshold[s] = threshold;
      std::copy(probability.begin(), probability.end(), result.probability.begin() + s * k);
      for (Index j = 0; j < nonzeros[s]; ++j)
        result.overlap[s] += probability[order[j]] / static_cast<double>(nonzeros[s]);
    };
    theory::independent_survival(first, point.rule, point.ridge, nonzeros, write);
  } else {
    theory::DrawnSurvival drawn(first, point, nonzeros, options, result.oracle);
    drawn.run(options.workers, poll);
    drawn.write(result);
  }
  for (const double probability : result.probability)
    if (std::isnan(probability)) check::out_of_range("survival", static_cast<double>(k));
  return result;
}

}  // namespace overprune
