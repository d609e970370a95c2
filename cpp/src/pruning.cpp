#include "overprune/pruning.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>

#include "check.hpp"

namespace overprune {
namespace {

constexpr const char* kNames[] = {"magnitude", "hessian", "oracle", "random"};

/// The k-th largest score; k >= 1.
double kth_largest(std::vector<double>& values, Index k) {
  std::nth_element(values.begin(), values.begin() + (k - 1), values.end(), std::greater<>());
  return values[k - 1];
}

/// |theta_i|, or the l2 norm of row i; scaled, so that no square overflows or underflows.
double row_norm(ConstMatrix theta, Index i) {
  double largest = 0.0, sum = 0.0;
  for (Index j = 0; j < theta.cols; ++j) largest = std::max(largest, std::abs(theta(i, j)));
  if (theta.cols == 1 || largest == 0.0) return largest;
  for (Index j = 0; j < theta.cols; ++j) sum += (theta(i, j) / largest) * (theta(i, j) / largest);
  return largest * std::sqrt(sum);
}

}  // namespace

Rule rule_from_name(const std::string& name) {
  for (int i = 0; i < static_cast<int>(std::size(kNames)); ++i)
    if (name == kNames[i]) return static_cast<Rule>(i);
  check::fail("rule must be one of magnitude, hessian, oracle, random; got '", name, "'");
}

const char* name_of(Rule rule) { return kNames[static_cast<int>(rule)]; }

void importance(Rule rule, ConstMatrix theta, ConstVector curvature, Vector scores) {
  if (rule != Rule::magnitude && rule != Rule::hessian)
    check::fail("importance scores magnitude and hessian from theta, got rule ", name_of(rule));
  const bool hessian = rule == Rule::hessian;
  check::same("scores", theta.rows, scores.size);
  if (hessian) check::same("curvature", theta.rows, curvature.size);
  for (Index i = 0; i < theta.rows; ++i) {
    const double norm = row_norm(theta, i);
    scores(i) = hessian ? norm * norm * curvature(i) : norm;
  }
}

void rank_scores(ConstMatrix theta, ConstVector root_curvature, Vector scores) {
  check::same("scores", theta.rows, scores.size);
  if (root_curvature.size > 0) check::same("root_curvature", theta.rows, root_curvature.size);
  for (Index i = 0; i < theta.rows; ++i)
    scores(i) = row_norm(theta, i) * (root_curvature.size > 0 ? root_curvature(i) : 1.0);
}

Indices top_k(ConstVector scores, Index k) {
  if (k < 0 || k > scores.size) check::fail("k must lie in [0, ", scores.size, "], got ", k);
  std::vector<double> values(scores.size);
  for (Index i = 0; i < scores.size; ++i) {
    if (std::isnan(scores(i))) check::fail("scores must not be NaN, got NaN at index ", i);
    values[i] = scores(i);
  }
  Indices chosen;
  if (k == 0) return chosen;
  const double threshold = kth_largest(values, k);
  // After nth_element the first k hold all scores above the threshold and as many equal to it as fit.
  const auto above =
      std::count_if(values.begin(), values.begin() + k, [=](double v) { return v > threshold; });
  Index ties = k - static_cast<Index>(above);
  chosen.reserve(k);
  for (Index i = 0; i < scores.size; ++i)
    if (scores(i) > threshold || (scores(i) == threshold && ties-- > 0)) chosen.push_back(i);
  return chosen;
}

Indices top_k_order(ConstVector scores, Index k) {
  Indices order = top_k(scores, k);
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return scores(a) > scores(b); });
  return order;
}

void prune(ConstMatrix theta, const Indices& support, Matrix pruned) {
  check::same("pruned", theta.rows, pruned.rows);
  check::same("pruned (targets)", theta.cols, pruned.cols);
  for (Index j = 0; j < pruned.cols; ++j)
    for (Index i = 0; i < pruned.rows; ++i) pruned(i, j) = 0.0;
  for (const Index i : support) {
    if (i < 0 || i >= theta.rows) check::fail("support must lie in [0, ", theta.rows, "), got ", i);
    for (Index j = 0; j < theta.cols; ++j) pruned(i, j) = theta(i, j);
  }
}

}  // namespace overprune
