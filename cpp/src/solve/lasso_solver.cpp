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
constexpr Index kFew = 4;           // features are left out where fewer than a fourth stay
constexpr double kNoise = 1e-18;    // penalties below this times the largest are 0

/// The columns of X'X / n that are kept where supports have up to `most` features.
Index room_for(Index p, Index most) { return std::min(p, 4 * most + 64); }

}  // namespace

void GramCache::start(ConstBlock x, std::span<const double> diagonal, Index room) {
  x_ = x;
  diagonal_.assign(diagonal.begin(), diagonal.end());
  room_ = room;
  next_ = 0;
  gradient_ = nullptr;
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
  variances_.resize(p);
  double most_varied = 0.0, least_varied = kInfinity;
  for (Index j = 0; j < p; ++j) {
    variances_[j] = norm2(x.columns(j, 1)) / static_cast<double>(x.rows);
    const double spread = std::sqrt(variances_[j]) / weight(j);
    if (spread > 0.0) least_varied = std::min(least_varied, spread);
    most_varied = std::max(most_varied, spread);
  }
  if (live == 0) gram_.start(x, variances_, room_for(p, most_));
  spread_ = most_varied > 0.0 ? least_varied / most_varied : 1.0;
  fitted_support_.clear();
  for (std::vector<double>* list : {&theta_, &step_, &model_.coefficients})
    list->reserve(most_ + 1);
  for (Indices* list : {&model_.support, &ranks_, &support_, &fitted_support_})
    list->reserve(most_ + 1);
  residual_.resize(x.rows);
}

void LassoSolver::need(Index n, Index p, Index most, MemoryNeed& need) {
  most = std::min(most, p);
  need.hold(2 * p + GramCache::need(n, p, room_for(p, most)) + L1Walk::need(p, most + 1) +
            7 * (most + 1) + n * (most + 2));
}

void LassoSolver::begin(Index k, double ridge, Index capacity) {
  k_ = k;
  ridge_ = ridge;
  capacity_ = std::min(capacity, k);
  live_.clear();
  entering_.clear();
  // Where columns differ in scale, penalties fall below the rounding of others' gradients.
  if (live > 0 && kFew * live < k && weights_.empty()) {
    left_out_.start(x_.columns(0, k), variances_,
                    std::sqrt(norm2(y_) / static_cast<double>(y_.rows)));
    kink_ = {};
    choose_live();
  }
  start_walk();
}

void LassoSolver::start_walk() {
  const bool all = live_.empty();
  const Index count = all ? k_ : static_cast<Index>(live_.size());
  const auto first = [count](const std::vector<double>& list) {
    return std::span(list.data(), list.empty() ? 0 : static_cast<std::size_t>(count));
  };
  if (live > 0) {
    ConstBlock columns = x_.columns(0, k_);
    if (!all) {
      const Block gathered = live_columns_.block(x_.rows, count);
      gather_columns(x_, live_.data(), count, gathered);
      columns = gathered;
    }
    gram_.start(columns, first(all ? variances_ : live_variances_), room_for(count, capacity_));
  }
  walk_.start(gram_, first(all ? linear_ : live_linear_), first(weights_), ridge_, capacity_);
  gram_.expect(walk_.gradient());
}

/// The features of the kink, those that should have entered after it, and the nearest others.
void LassoSolver::choose_live() {
  Indices chosen = kink_.support;
  chosen.insert(chosen.end(), entering_.begin(), entering_.end());
  // Without a step forward since the last choice, that one stays.
  if (kink_.penalty == chosen_at_) chosen.insert(chosen.end(), live_.begin(), live_.end());
  const auto in_order = [&] {
    std::sort(chosen.begin(), chosen.end());
    chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
  };
  in_order();
  find_residual(kink_.support, kink_.coefficients);
  left_out_.choose(residual_.data(), live, chosen);
  in_order();
  chosen_at_ = kink_.penalty;
  entering_.clear();
  live_.swap(chosen);
  if (kFew * static_cast<Index>(live_.size()) > k_) live_.clear();
  live_linear_.clear();
  live_variances_.clear();
  for (const Index j : live_) {
    live_linear_.push_back(linear_[j]);
    live_variances_.push_back(variances_[j]);
  }
}

/// To the last kink at which all was well, with other features left out.
void LassoSolver::go_back() {
  choose_live();
  start_walk();
  Indices support = kink_.support;
  if (!live_.empty())
    for (Index& j : support) j = std::lower_bound(live_.begin(), live_.end(), j) - live_.begin();
  if (kink_.support.empty() ||
      walk_.resume(kink_.penalty, support, kink_.signs, kink_.coefficients))
    return;
  live_.clear();
  start_walk();
}

/// Whether no feature that is left out should have entered: then there is a kink to go back to.
bool LassoSolver::holds() {
  if (live_.empty()) return true;
  name_support();
  find_residual(support_, walk_.coefficients());
  if (!left_out_.hold(residual_.data(), walk_.penalty(), entering_)) return false;
  kink_.penalty = walk_.penalty();
  kink_.support = support_;
  kink_.signs = walk_.signs();
  kink_.coefficients = walk_.coefficients();
  return true;
}

bool LassoSolver::reach(double penalty, const L1Walk::Visit& visit) {
  for (;; go_back()) {
    const bool reached = walk_.move({}, penalty, visit);
    if (walk_.lost() || (entering_.empty() && holds())) return reached;
  }
}

void LassoSolver::path(Index k, double ridge, std::span<const Index> nonzeros, const Take& take) {
  const Index count = static_cast<Index>(nonzeros.size());
  begin(k, ridge, nonzeros.back() + 1);
  Index next = 0;
  const auto stands_for_the_next = [&] {
    record();
    take(next++, &model_);
  };
  const auto at_kink = [&] {
    if (!holds()) return false;
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
    ended = reach(walk_.penalty() * kStage, visit);
  ended = ended && reach(0.0, visit);
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
  const L1Walk::Visit visit = [this] { return holds(); };
  order_.resize(count);
  std::iota(order_.begin(), order_.end(), Index{0});
  std::sort(order_.begin(), order_.end(),
            [&](Index a, Index b) { return penalties[a] > penalties[b]; });
  for (const Index i : order_) {
    if (std::isnan(penalties[i])) {
      take(i, nullptr);
      continue;
    }
    if (penalties[i] < largest) reach(penalties[i], visit);
    if (walk_.lost()) {
      take(i, nullptr);
      continue;
    }
    record();
    model_.penalty = penalties[i];
    take(i, &model_);
  }
}

/// The walk's model, sorted by feature and without the coefficients that are 0.
void LassoSolver::record() {
  name_support();
  theta_ = walk_.coefficients();
  polish();
  model_.penalty = walk_.penalty();
  model_.suboptimality = measures ? suboptimality() : 0.0;
  ranks_.resize(support_.size());
  std::iota(ranks_.begin(), ranks_.end(), Index{0});
  std::sort(ranks_.begin(), ranks_.end(),
            [&](Index a, Index b) { return support_[a] < support_[b]; });
  model_.support.clear();
  model_.coefficients.clear();
  for (const Index i : ranks_) {
    if (theta_[i] == 0.0) continue;
    const Index j = support_[i];
    model_.support.push_back(j);
    model_.coefficients.push_back(theta_[i] * weight(j));
  }
}

void LassoSolver::name_support() {
  support_.clear();
  for (const Index i : walk_.support()) support_.push_back(live_.empty() ? i : live_[i]);
}

void LassoSolver::find_residual(const Indices& support, const std::vector<double>& theta) {
  // From kink to kink few columns change.
  const Index s = static_cast<Index>(support.size());
  const Block columns = fitted(s);
  fitted_support_.resize(s, -1);
  for (Index i = 0; i < s; ++i) {
    if (fitted_support_[i] == support[i]) continue;
    copy(x_.columns(support[i], 1), columns.columns(i, 1));
    fitted_support_[i] = support[i];
  }
  copy(y_, {residual_.data(), y_.rows, 1, y_.rows});
  if (s > 0)
    multiply(columns, ConstBlock{theta.data(), s, 1, s}, {residual_.data(), x_.rows, 1, x_.rows},
             -1.0, 1.0);
}

/// One correction by the residual, which is taken from X: a Gram matrix has lost half of the digits
/// where features nearly depend on each other. At a kink, coefficients that begin or end there are
/// 0 but for rounding.
void LassoSolver::polish() {
  const Index s = static_cast<Index>(support_.size());
  if (s == 0) return;
  find_residual(support_, theta_);
  step_.resize(s);
  multiply(transposed(fitted(s)), ConstBlock{residual_.data(), x_.rows, 1, x_.rows},
           {step_.data(), s, 1, s}, 1.0 / static_cast<double>(x_.rows));
  for (Index i = 0; i < s; ++i) {
    const Index j = support_[i];
    const double bound = walk_.penalty() * walk_.signs()[i] + ridge_ * weight(j) * theta_[i];
    step_[i] -= weight(j) * bound;
  }
  walk_.solve({step_.data(), s, 1, s});
  double largest = 0.0;  // share of a feature in the fit
  const auto share = [&](Index i) {
    return walk_.signs()[i] * theta_[i] * std::sqrt(variances_[support_[i]]);
  };
  for (Index i = 0; i < s; ++i) {
    if (theta_[i] != 0.0) theta_[i] += step_[i];
    largest = std::max(largest, share(i));
  }
  for (Index i = 0; i < s; ++i)
    if (!(share(i) > kNothing * largest)) theta_[i] = 0.0;
}

double LassoSolver::suboptimality() {
  find_residual(support_, theta_);
  std::vector<double> gradient(k_), theta(k_, 0.0);
  multiply(transposed(x_.columns(0, k_)), ConstBlock{residual_.data(), x_.rows, 1, x_.rows},
           {gradient.data(), k_, 1, k_}, 1.0 / static_cast<double>(x_.rows));
  for (std::size_t i = 0; i < support_.size(); ++i) theta[support_[i]] = theta_[i];
  double worst = 0.0, unit = 0.0;
  for (Index j = 0; j < k_; ++j) {
    const double slope = gradient[j] / weight(j), ridge = ridge_ * weight(j) * theta[j];
    unit = std::max(unit, std::abs(linear_[j]) / weight(j));
    const double missed = theta[j] == 0.0
                              ? std::abs(slope) - walk_.penalty()
                              : std::abs(slope - ridge - std::copysign(walk_.penalty(), theta[j]));
    worst = std::max(worst, missed);
  }
  return unit > 0.0 ? worst / unit : 0.0;
}

}  // namespace overprune
