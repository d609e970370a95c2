#include "overprune/pruning.hpp"

#include <algorithm>
#include <cmath>
#include <compare>
#include <limits>

#include "base/check.hpp"
#include "base/pace.hpp"
#include "kernels/table.hpp"

namespace overprune {
namespace {

constexpr Index kStretch = Index{1} << 23;  // scores read between two calls of look()

std::vector<const char*> rule_names() {
  std::vector<const char*> names;
  for (const RuleTraits& rule : kRules) names.push_back(rule.name);
  return names;
}

/// Moves the values that are wanted to the front, without a branch to be guessed; their number.
template <class Wanted>
Index move_to_front(double* values, Index count, Wanted wanted) {
  Index front = 0;
  in_parts(count, [&](Index first, Index some) {
    for (Index i = first; i < first + some; ++i) {
      const double value = values[i];
      values[i] = values[front];
      values[front] = value;
      front += wanted(value);
    }
  });
  return front;
}

/// The k-th largest of count values, k >= 1. The k largest then stand in front. A few values, and
/// those of many bad pivots, are left to nth_element.
double kth_largest(double* values, Index count, Index k) {
  Index first = 0, last = count;
  for (int round = 0; last - first > 24 && round < 40; ++round) {
    const double a = values[first], b = values[first + (last - first) / 2], c = values[last - 1];
    const double pivot = std::max(std::min(a, b), std::min(std::max(a, b), c));
    double* const rest = values + first;
    Index end = first + move_to_front(rest, last - first, [&](double v) { return v > pivot; });
    if (end == first) {  // the pivot is the largest
      end += move_to_front(rest, last - first, [&](double v) { return v == pivot; });
      if (end >= k) return pivot;
    }
    (end >= k ? last : first) = end;
  }
  Pace pace;
  std::nth_element(values + first, values + (k - 1), values + last, [&](double a, double b) {
    pace(1);
    return a > b;
  });
  return values[k - 1];
}

[[noreturn]] void refuse_nan(ConstVector scores) {
  Index i = 0;
  while (!std::isnan(scores(i))) ++i;
  throw check::NanScores(i);
}

/// Two numbers between which the k-th largest of many scores very probably lies, by a sample.
struct Bracket {
  double low = -std::numeric_limits<double>::infinity(),
         high = std::numeric_limits<double>::infinity();
};

constexpr Index kSampled = 256;  // fewer scores than this are not worth a sample

/// From about 4 sqrt(p) evenly spaced scores, `wide` times 3 standard deviations of the sample's
/// rank away.
Bracket bracket(ConstVector scores, bool magnitude, Index k, double wide,
                std::vector<double>& sample) {
  const Index p = scores.size;
  if (p < kSampled) return {};
  const Index stride = static_cast<Index>(std::sqrt(static_cast<double>(p)) / 4.0),
              count = p / stride;
  sample.resize(count);
  for (Index j = 0; j < count; ++j) {
    sample[j] = magnitude ? std::abs(scores(j * stride)) : scores(j * stride);
    if (std::isnan(sample[j])) refuse_nan(scores);
  }
  const double rank = static_cast<double>(k) / static_cast<double>(stride);
  const double slack =
      wide *
      (3.0 + 3.0 * std::sqrt(rank * (1.0 - static_cast<double>(k) / static_cast<double>(p))));
  Bracket found;
  const auto below = static_cast<Index>(rank + slack), above = static_cast<Index>(rank - slack);
  if (below < count) found.low = kth_largest(sample.data(), count, below);
  if (above >= 1) found.high = kth_largest(sample.data(), std::min(below, count), above);
  return found;
}

/// The scores that are not below `low` and their indices, ascending.
void collect(ConstVector scores, bool magnitude, double low, Index expected,
             SelectionSpace& space) {
  Index count = 0, next = 0;
  while (true) {
    const Index room = std::max(std::min(expected, scores.size) + kSelectionMargin,
                                static_cast<Index>(space.values.size()));
    resize_in_parts(space.values, room);
    resize_in_parts(space.indices, room);
    const Index end = std::min(scores.size, next + kStretch);
    count += kernels::active().select_from(end, scores.data, magnitude, low, next, room - count,
                                           space.values.data() + count,
                                           space.indices.data() + count, &next);
    if (next == scores.size) break;
    if (next == end) {
      look();
      continue;
    }
    expected = 2 * room;
  }
  space.values.resize(count);
  space.indices.resize(count);
}

/// The l2 norm of row i; scaled, so that no square overflows or underflows.
double row_norm(ConstMatrix theta, Index i) {
  double largest = 0.0, sum = 0.0;
  for (Index j = 0; j < theta.cols; ++j) largest = std::max(largest, std::abs(theta(i, j)));
  if (largest == 0.0) return largest;
  for (Index j = 0; j < theta.cols; ++j) sum += (theta(i, j) / largest) * (theta(i, j) / largest);
  return largest * std::sqrt(sum);
}

/// Whether scores so large and so small may have left the numbers with all digits.
bool is_beyond(double largest, double smallest) {
  return largest > std::numeric_limits<double>::max() ||
         smallest < std::numeric_limits<double>::min();
}

/// A number of any size.
struct Wide {
  int exponent = std::numeric_limits<int>::min();  // of 0 below all others
  double fraction = 0.0;                           // in [0.5, 1), or 0

  Wide times(double factor) const {
    int more = 0, carry = 0;
    const double product = std::frexp(fraction * std::frexp(factor, &more), &carry);
    return product > 0.0 ? Wide{exponent + more + carry, product} : Wide{};
  }
  auto operator<=>(const Wide&) const = default;
};

/// scores = f(theta, weight) of one target; contiguous loops are vectorised.
template <class Function>
void each(ConstMatrix theta, ConstVector weight, Vector scores, Function f) {
  const Index p = theta.rows;
  if (theta.row_stride == 1 && weight.stride == 1 && scores.stride == 1) {
    in_parts(p, [&](Index first, Index some) {
      for (Index i = first; i < first + some; ++i)
        scores.data[i] = f(theta.data[i], weight.data[i]);
    });
  } else {
    in_parts(p, [&](Index first, Index some) {
      for (Index i = first; i < first + some; ++i) scores(i) = f(theta(i, 0), weight(i));
    });
  }
}

/// All indices, where none is left out.
void take_all(ConstVector scores, Indices& chosen) {
  resize_in_parts(chosen, scores.size);
  in_parts(scores.size, [&](Index first, Index some) {
    for (Index i = first; i < first + some; ++i) {
      if (std::isnan(scores(i))) refuse_nan(scores);
      chosen[i] = i;
    }
  });
}

/// The k largest of the candidates that `collect` left. Those above the bracket are chosen for
/// sure; the k-th largest is sought among the others.
void choose(double high, Index k, SelectionSpace& space, Indices& chosen) {
  const auto count = static_cast<Index>(space.indices.size());
  const double* values = space.values.data();
  resize_in_parts(space.sorted, count);
  double* sorted = space.sorted.data();
  Index middle = 0;
  in_parts(count, [&](Index first, Index some) {
    for (Index i = first; i < first + some; ++i) {
      sorted[middle] = values[i];
      middle += values[i] <= high;
    }
  });
  Index wanted = k - (count - middle);
  if (wanted < 1) {
    std::copy_n(values, count, sorted);
    middle = count;
    wanted = k;
  }
  const double threshold = kth_largest(sorted, middle, wanted);
  look();
  // Now the first `wanted` hold all scores above the threshold and as many equal to it as fit.
  Index ties = std::count(sorted, sorted + wanted, threshold), written = 0;
  in_parts(count, [&](Index first, Index some) {
    for (Index i = first; i < first + some && written < k; ++i) {
      const bool taken = values[i] > threshold || (values[i] == threshold && ties > 0);
      chosen[written] = space.indices[i];
      written += taken;
      ties -= values[i] == threshold;
    }
  });
}

// A threshold guessed from a sample leaves few scores in one pass over all. It is checked by
// counting them: where fewer than k are left, the next guess is lower, and in the end none.
void select(ConstVector scores, bool magnitude, Index k, SelectionSpace& space, Indices& chosen) {
  const Index p = scores.size;
  check::view(magnitude ? "theta" : "scores", scores);
  if (k < 0 || k > p) check::fail("k must lie in [0, ", p, "], got ", k);
  std::vector<double> copy;
  if (scores.stride != 1) {
    copy.reserve(p);
    in_parts(p, [&](Index first, Index some) {
      for (Index i = first; i < first + some; ++i) copy.push_back(scores(i));
    });
    scores = vector_view(copy);
  }
  if (k == p) return take_all(scores, chosen);
  Bracket guess = bracket(scores, magnitude, std::max(k, Index{1}), 1.0, space.sorted);
  collect(scores, magnitude, guess.low, k + k / 2, space);
  for (double wide = 4.0; static_cast<Index>(space.indices.size()) < k; wide *= 4.0) {
    guess = bracket(scores, magnitude, k, wide, space.sorted);
    collect(scores, magnitude, guess.low, k + k / 2, space);
  }
  look();
  for (std::size_t i = 0; i < space.values.size(); ++i)
    if (std::isnan(space.values[i])) throw check::NanScores(space.indices[i]);
  resize_in_parts(chosen, k);
  if (k == 0) return;
  look();
  choose(guess.high, k, space, chosen);
}

}  // namespace

Rule rule_from_name(const std::string& name) {
  return static_cast<Rule>(check::position("rule", name, rule_names()));
}

const char* name_of(Rule rule) {
  check::position("rule", static_cast<int>(rule), rule_names());
  return traits(rule).name;
}

void check_cuts(Rule rule, const char* where) {
  if (const char* name = name_of(rule); traits(rule).trains_itself)
    check::fail("rule must cut down a dense model in ", where, ", got ", name,
                ", which trains its own models: ask predict, simulate or prune_path for it");
}

void importance(Rule rule, ConstMatrix theta, ConstVector curvature, Vector scores) {
  if (const char* name = name_of(rule); !traits(rule).scores_coefficients)
    check::fail("importance must have a rule that scores coefficients, got ", name);
  importance(theta, traits(rule).curvature_power, curvature, scores);
}

void importance(ConstMatrix theta, int curvature_power, ConstVector curvature, Vector scores) {
  check::at_least("curvature_power", curvature_power, 0);
  check::view("theta", theta);
  check::view("curvature", curvature);
  check::view("scores", scores);
  check::same("scores", theta.rows, scores.size);
  if (curvature_power == 0) return rank_scores(theta, {}, scores);
  check::same("curvature", theta.rows, curvature.size);
  std::vector<double> powers;
  if (curvature_power > 1) {
    powers.reserve(theta.rows);
    for (Index i = 0; i < theta.rows; ++i)
      powers.push_back(rank_weight(curvature(i), curvature_power));
    curvature = {powers.data(), theta.rows, 1};
  }
  if (theta.cols == 1) {
    // (value weight) value: value^2 may overflow, and infinity times a weight of 0 would be NaN.
    each(theta, curvature, scores,
         [](double value, double weight) { return value * weight * value; });
    return;
  }
  Pace pace;
  for (Index i = 0; i < theta.rows; ++i, pace(2 * theta.cols)) {
    const double norm = row_norm(theta, i);
    scores(i) = norm * curvature(i) * norm;
  }
}

void rank_scores(ConstMatrix theta, ConstVector weights, Vector scores) {
  check::view("theta", theta);
  check::view("weights", weights);
  check::view("scores", scores);
  check::same("scores", theta.rows, scores.size);
  if (weights.size != 0) check::same("weights", theta.rows, weights.size);
  if (theta.cols == 1) {
    const ConstVector column{theta.data, theta.rows, theta.row_stride};
    if (weights.size == 0)
      each(theta, column, scores, [](double value, double) { return std::abs(value); });
    else
      each(theta, weights, scores,
           [](double value, double weight) { return std::abs(value) * weight; });
    return;
  }
  Pace pace;
  for (Index i = 0; i < theta.rows; ++i, pace(2 * theta.cols))
    scores(i) = row_norm(theta, i) * (weights.size > 0 ? weights(i) : 1.0);
}

bool rank_scores_beyond(ConstMatrix theta, ConstVector weights, Vector scores) {
  constexpr double least = std::numeric_limits<double>::min(),
                   most = std::numeric_limits<double>::max();
  std::vector<Wide> sizes(theta.rows);
  Indices order;
  bool beyond = false;
  Pace pace;
  for (Index i = 0; i < theta.rows; ++i, pace(8 * theta.cols)) {
    const double weight = weights.size > 0 ? weights(i) : 1.0;
    double largest = 0.0, sum = 0.0;
    for (Index j = 0; j < theta.cols; ++j) largest = std::max(largest, std::abs(theta(i, j)));
    for (Index j = 0; j < theta.cols; ++j)
      sum += largest > 0.0 ? (theta(i, j) / largest) * (theta(i, j) / largest) : theta(i, j);
    if (!std::isfinite(sum) || !std::isfinite(weight)) continue;  // scores that no scale changes
    const double product = largest * std::sqrt(sum) * weight;
    beyond = beyond || !(product <= most) || (product < least && largest > 0.0 && weight > 0.0);
    sizes[i] = Wide{1, 0.5}.times(largest).times(std::sqrt(sum)).times(weight);
    order.push_back(i);
  }
  if (!beyond) return false;
  std::sort(order.begin(), order.end(), [&](Index a, Index b) {
    pace(4);
    return sizes[a] < sizes[b];
  });
  double position = 0.0;
  Wide before;
  for (const Index i : order) {
    position += before < sizes[i];
    scores(i) = position;
    before = sizes[i];
  }
  return true;
}

void top_ranked_order(ConstMatrix theta, ConstVector weights, Index k, Vector scores,
                      SelectionSpace& space, Indices& order) {
  rank_scores(theta, weights, scores);
  top_k_order(scores, k, space, order);
  if (k > 0 && is_beyond(scores(order.front()), scores(order.back())) &&
      rank_scores_beyond(theta, weights, scores))
    top_k_order(scores, k, space, order);
}

void top_k(ConstVector scores, Index k, SelectionSpace& space, Indices& chosen) {
  select(scores, false, k, space, chosen);
}

void top_k_order(ConstVector scores, Index k, SelectionSpace& space, Indices& order) {
  top_k(scores, k, space, order);
  std::sort(order.begin(), order.end(), [&](Index a, Index b) {
    return scores(a) != scores(b) ? scores(a) > scores(b) : a < b;
  });
}

Indices top_k(ConstVector scores, Index k) {
  SelectionSpace space;
  Indices chosen;
  top_k(scores, k, space, chosen);
  return chosen;
}

Indices top_k_magnitude(ConstVector theta, Index k) {
  SelectionSpace space;
  Indices chosen;
  select(theta, true, k, space, chosen);
  return chosen;
}

Indices top_k_order(ConstVector scores, Index k) {
  SelectionSpace space;
  Indices order;
  top_k_order(scores, k, space, order);
  return order;
}

void prune(ConstMatrix theta, const Indices& support, Matrix pruned) {
  check::view("theta", theta);
  check::view("pruned", pruned);
  check::same("pruned", theta.rows, pruned.rows);
  check::same("pruned (targets)", theta.cols, pruned.cols);
  check::distinct("support", support, theta.rows);
  for (Index j = 0; j < pruned.cols; ++j)
    for (Index i = 0; i < pruned.rows; ++i) pruned(i, j) = 0.0;
  for (const Index i : support)
    for (Index j = 0; j < theta.cols; ++j) pruned(i, j) = theta(i, j);
}

}  // namespace overprune
