#include "solve/lasso_solver.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.hpp"
#include "base/limits.hpp"
#include "base/owned_matrix.hpp"
#include "problem/scaled_data.hpp"

namespace overprune {
namespace {

constexpr double kNothing = 1e-13;  // share of a fit, relative to the largest, that is rounding
constexpr double kStage = 0x1p-30;  // factor of the penalty from stage to stage of a path
constexpr double kNoise = 1e-18;    // penalties below this times the largest are 0

/// The columns of X'X / n that are kept where supports have up to `most` features.
Index room_for(Index p, Index most) { return std::min(p, 4 * most + 64); }

}  // namespace

void GramCache::start(ConstBlock x, Index room) {
  x_ = x;
  room_ = room;
  next_ = 0;
  gradient_ = nullptr;
  diagonal_.resize(x.cols);
  const double n = static_cast<double>(x.rows);
  for (Index j = 0; j < x.cols; ++j) diagonal_[j] = norm2(x.columns(j, 1)) / n;
  slot_.assign(x.cols, -1);
  owner_.assign(room, -1);
  together_.reserve(kTogether);
  held_ = kept_.block(x.cols, room);
  columns_.block(x.rows, kTogether);
  products_.block(x.cols, kTogether);
}

Index GramCache::need(Index n, Index p, Index room) {
  return 2 * p + room + kTogether + p * room + (n + p) * kTogether;
}

void GramCache::column(Index j, Index k, double* out) {
  if (slot_[j] < 0) form(j, k);
  std::copy_n(held_.col(slot_[j]), k, out);
}

void GramCache::form(Index j, Index k) {
  together_.assign(1, j);
  const Index count = std::min({kTogether, room_, k});
  for (Index i = 0; gradient_ && i < k; ++i) {
    if (slot_[i] >= 0 || i == j) continue;
    // The largest gradients so far, in falling order after the column that is asked for.
    const auto larger = [&](Index a, Index b) {
      return std::abs((*gradient_)[a]) > std::abs((*gradient_)[b]);
    };
    if (static_cast<Index>(together_.size()) == count) {
      if (count == 1 || !larger(i, together_.back())) continue;
      together_.pop_back();
    }
    together_.insert(std::upper_bound(together_.begin() + 1, together_.end(), i, larger), i);
  }
  const Index formed = static_cast<Index>(together_.size());
  const Block columns = columns_.block(x_.rows, formed),
              products = products_.block(x_.cols, formed);
  gather_columns(x_, together_.data(), formed, columns);
  multiply(transposed(x_), columns, products, 1.0 / static_cast<double>(x_.rows));
  for (Index c = 0; c < formed; ++c) {
    if (owner_[next_] >= 0) slot_[owner_[next_]] = -1;
    owner_[next_] = together_[c];
    slot_[together_[c]] = next_;
    copy(products.columns(c, 1), held_.columns(next_, 1));
    next_ = (next_ + 1) % room_;
  }
}

void LassoSolver::start(ConstBlock x, ConstBlock y, Index most) {
  const Index p = x.cols;
  most_ = std::min(most, p);
  weights_.clear();
  bool differ = false;
  for (Index j = 0; j < p && !differ; ++j) differ = safe_scale(x.columns(j, 1)) != 1.0;
  if (differ) {
    const Block scaled = scaled_.block(x.rows, p);
    copy(x, scaled);
    weights_ = scale_columns(scaled);
    x = scaled;
  }
  x_ = x;
  y_ = y;
  linear_.resize(p);
  multiply(transposed(x), y, {linear_.data(), p, 1, p}, 1.0 / static_cast<double>(x.rows));
  gram_.start(x, room_for(p, most_));
  double most_varied = 0.0, least_varied = kInfinity;
  for (Index j = 0; j < p; ++j) {
    const double spread = std::sqrt(gram_.diagonal(j)) / (weights_.empty() ? 1.0 : weights_[j]);
    if (spread > 0.0) least_varied = std::min(least_varied, spread);
    most_varied = std::max(most_varied, spread);
  }
  spread_ = most_varied > 0.0 ? least_varied / most_varied : 1.0;
  for (std::vector<double>* list : {&theta_, &step_, &model_.coefficients})
    list->reserve(most_ + 1);
  for (Indices* list : {&model_.support, &ranks_}) list->reserve(most_ + 1);
  residual_.resize(x.rows);
}

void LassoSolver::need(Index n, Index p, Index most, MemoryNeed& need) {
  most = std::min(most, p);
  need.hold(p + GramCache::need(n, p, room_for(p, most)) + L1Walk::need(p, most + 1) +
            5 * (most + 1) + n);
}

void LassoSolver::begin(Index k, double ridge, Index capacity) {
  const auto first = [k](const std::vector<double>& all) {
    return std::span<const double>(all.data(), all.empty() ? 0 : static_cast<std::size_t>(k));
  };
  walk_.start(gram_, first(linear_), first(weights_), ridge, capacity);
  gram_.expect(walk_.gradient());
}

void LassoSolver::path(Index k, double ridge, std::span<const Index> nonzeros, const Take& take) {
  const Index count = static_cast<Index>(nonzeros.size());
  begin(k, ridge, nonzeros.back() + 1);
  Index next = 0;
  const auto stands_for_the_next = [&] {
    record(k, ridge);
    take(next++, &model_);
  };
  const auto at_kink = [&] {
    while (next<count&& static_cast<Index>(walk_.support().size())> nonzeros[next])
      stands_for_the_next();
    return next < count;
  };
  const L1Walk::Visit visit = std::ref(at_kink);  // which allocates nothing
  // In stages: where columns differ much in scale, so do the penalties at which they enter.
  bool ended = true;
  for (const double least = kNoise * spread_ * walk_.penalty();
       ended && walk_.penalty() * kStage > least &&
       static_cast<Index>(walk_.support().size()) < std::min(x_.rows, k);)
    ended = walk_.move({}, walk_.penalty() * kStage, visit);
  ended = ended && walk_.move({}, 0.0, visit);
  for (; next < count;) {
    const bool reached = !ended || ridge > 0.0 || nonzeros[next] <= std::min(x_.rows, k);
    if (reached && !walk_.lost())
      stands_for_the_next();
    else
      take(next++, nullptr);
  }
}

void LassoSolver::at(Index k, double ridge, std::span<const double> penalties, const Take& take) {
  const Index count = static_cast<Index>(penalties.size());
  begin(k, ridge, most_ + 1);
  const double largest = walk_.largest_penalty();
  order_.resize(count);
  std::iota(order_.begin(), order_.end(), Index{0});
  std::sort(order_.begin(), order_.end(),
            [&](Index a, Index b) { return penalties[a] > penalties[b]; });
  for (const Index i : order_) {
    if (std::isnan(penalties[i])) {
      take(i, nullptr);
      continue;
    }
    if (penalties[i] < largest) walk_.move({}, penalties[i]);
    if (walk_.lost()) {
      take(i, nullptr);
      continue;
    }
    record(k, ridge);
    model_.penalty = penalties[i];
    take(i, &model_);
  }
}

/// The walk's model, sorted by feature and without the coefficients that are 0.
void LassoSolver::record(Index k, double ridge) {
  const Indices& support = walk_.support();
  theta_ = walk_.coefficients();
  polish(ridge);
  model_.penalty = walk_.penalty();
  model_.suboptimality = measures ? suboptimality(k, ridge) : 0.0;
  ranks_.resize(support.size());
  std::iota(ranks_.begin(), ranks_.end(), Index{0});
  std::sort(ranks_.begin(), ranks_.end(),
            [&](Index a, Index b) { return support[a] < support[b]; });
  model_.support.clear();
  model_.coefficients.clear();
  for (const Index i : ranks_) {
    if (theta_[i] == 0.0) continue;
    const Index j = support[i];
    model_.support.push_back(j);
    model_.coefficients.push_back(weights_.empty() ? theta_[i] : theta_[i] * weights_[j]);
  }
}

void LassoSolver::residual() {
  copy(y_, {residual_.data(), y_.rows, 1, y_.rows});
  const Indices& support = walk_.support();
  for (std::size_t i = 0; i < support.size(); ++i) {
    if (theta_[i] == 0.0) continue;
    const double* column = x_.col(support[i]);
    for (Index row = 0; row < x_.rows; ++row) residual_[row] -= theta_[i] * column[row];
  }
}

/// One correction by the residual, which is taken from X: a Gram matrix has lost half of the digits
/// where features nearly depend on each other. At a kink, coefficients that begin or end there are
/// 0 but for rounding.
void LassoSolver::polish(double ridge) {
  const Indices& support = walk_.support();
  const Index s = static_cast<Index>(support.size());
  if (s == 0) return;
  residual();
  step_.resize(s);
  for (Index i = 0; i < s; ++i) {
    const Index j = support[i];
    const double weight = weights_.empty() ? 1.0 : weights_[j];
    step_[i] = inner(x_.rows, x_.col(j), residual_.data()) / static_cast<double>(x_.rows) -
               walk_.penalty() * weight * walk_.signs()[i] - ridge * weight * weight * theta_[i];
  }
  walk_.solve({step_.data(), s, 1, s});
  double largest = 0.0;  // share of a feature in the fit
  const auto share = [&](Index i) {
    return walk_.signs()[i] * theta_[i] * std::sqrt(gram_.diagonal(support[i]));
  };
  for (Index i = 0; i < s; ++i) {
    if (theta_[i] != 0.0) theta_[i] += step_[i];
    largest = std::max(largest, share(i));
  }
  for (Index i = 0; i < s; ++i)
    if (!(share(i) > kNothing * largest)) theta_[i] = 0.0;
}

double LassoSolver::suboptimality(Index k, double ridge) {
  residual();
  const double n = static_cast<double>(x_.rows);
  double worst = 0.0, unit = 0.0;
  Indices position(k, -1);
  const Indices& support = walk_.support();
  for (std::size_t i = 0; i < support.size(); ++i) position[support[i]] = static_cast<Index>(i);
  for (Index j = 0; j < k; ++j) {
    const double weight = weights_.empty() ? 1.0 : weights_[j];
    const double gradient = inner(x_.rows, x_.col(j), residual_.data()) / n / weight;
    const double theta = position[j] < 0 ? 0.0 : theta_[position[j]];
    unit = std::max(unit, std::abs(linear_[j]) / weight);
    const double missed = theta == 0.0
                              ? std::abs(gradient) - walk_.penalty()
                              : std::abs(gradient - ridge * weight * theta -
                                         (theta > 0.0 ? walk_.penalty() : -walk_.penalty()));
    worst = std::max(worst, missed);
  }
  return unit > 0.0 ? worst / unit : 0.0;
}

}  // namespace overprune
