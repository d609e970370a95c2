#include "base/l1_walk.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/limits.hpp"
#include "base/owned_matrix.hpp"
#include "kernels/look.hpp"

namespace overprune {
namespace {

constexpr double kTie = 1e-12;        // events so close, relative to the time they take, are one
constexpr double kFlat = 1e-10;       // rates below this times their terms are zero
constexpr double kDependent = 1e-12;  // pivots below this times the diagonal are zero
constexpr double kRounding = 4e-15;   // of a gradient, relative to the linear term
constexpr Index kRefresh = 32;        // kinks between two models that are computed anew

}  // namespace

void L1Walk::start(GramColumns& gram, std::span<const double> linear,
                   std::span<const double> weights, double ridge, Index capacity) {
  gram_ = &gram;
  weights_ = weights;
  k_ = static_cast<Index>(linear.size());
  capacity_ = std::min(capacity, k_);
  ridge_ = ridge;
  lost_ = false;
  for (Indices* list : {&support_, &tied_}) {
    list->clear();
    list->reserve(k_);
  }
  for (std::vector<double>* list : {&sign_, &theta_, &direction_}) {
    list->clear();
    list->reserve(capacity_);
  }
  position_.assign(k_, -1);
  barred_.assign(k_, 0);
  linear_.assign(linear.begin(), linear.end());
  gradient_ = linear_;
  linear_rate_.assign(k_, 0.0);
  gradient_rate_.assign(k_, 0.0);
  columns_ = columns_buffer_.get(k_ * capacity_);
  factor_ = factor_buffer_.get(capacity_ * capacity_);
  work_ = work_buffer_.get(k_);
  kappa_ = largest_penalty();
}

bool L1Walk::resume(double penalty, const Indices& support, const std::vector<double>& signs,
                    const std::vector<double>& coefficients) {
  kappa_ = penalty;
  for (std::size_t i = 0; i < support.size(); ++i) {
    if (!enter(support[i], signs[i])) return false;
    theta_[i] = coefficients[i];
  }
  refresh();
  return true;
}

Index L1Walk::need(Index k, Index capacity) {
  const Index most = std::min(k, capacity);
  return k * most + most * most + k + 3 * most + 4 * k + 3 * k;
}

double L1Walk::largest_penalty() const {
  double largest = 0.0;
  for (Index j = 0; j < k_; ++j) largest = std::max(largest, std::abs(linear_[j]) / weight(j));
  return largest;
}

void L1Walk::solve(Block b) const {
  const Index s = b.rows;
  if (s == 0) return;
  const auto& kernel = kernels::active();
  kernel.solve_triangular(true, false, s, b.cols, factor_, capacity_, b.data, b.ld);
  kernel.solve_triangular(true, true, s, b.cols, factor_, capacity_, b.data, b.ld);
}

void L1Walk::find_direction() {
  const Index s = static_cast<Index>(support_.size());
  direction_.resize(s);
  for (Index i = 0; i < s; ++i) {
    const Index j = support_[i];
    direction_[i] = linear_rate_[j] - kappa_rate_ * weight(j) * sign_[i];
  }
  solve({direction_.data(), s, 1, s});
  std::copy(linear_rate_.begin(), linear_rate_.end(), gradient_rate_.begin());
  if (s > 0)
    multiply(columns(), ConstBlock{direction_.data(), s, 1, s}, {gradient_rate_.data(), k_, 1, k_},
             -1.0, 1.0);
}

double L1Walk::bound_rate(Index j, double sign) const {
  const double rate = kappa_rate_ * weight(j) - sign * gradient_rate_[j];
  const double terms =
      std::abs(kappa_rate_) * weight(j) + std::abs(gradient_rate_[j]) + std::abs(linear_rate_[j]);
  return std::abs(rate) > kFlat * terms ? rate : 0.0;
}

/// The time of the next kink, in (0, left]; false where there is none.
bool L1Walk::next_event(double left, double& time) const {
  time = left;
  bool found = false;
  const auto take = [&](double distance, double rate) {
    if (!(rate < 0.0) || !(std::max(distance, 0.0) < -rate * time)) return;
    time = std::max(distance, 0.0) / -rate;
    found = true;
  };
  for (Index j = 0; j < k_; ++j) {
    if (position_[j] >= 0 || barred_[j]) continue;
    const double bound = kappa_ * weight(j), slope = kappa_rate_ * weight(j);
    // Most features are far from their bounds: the exact rates are needed near them only.
    const double fastest = std::abs(slope) + std::abs(gradient_rate_[j]);
    if (!(bound - std::abs(gradient_[j]) < fastest * time)) continue;
    take(bound - gradient_[j], bound_rate(j, 1.0));
    take(bound + gradient_[j], bound_rate(j, -1.0));
  }
  for (std::size_t i = 0; i < support_.size(); ++i)
    take(sign_[i] * theta_[i], sign_[i] * direction_[i]);
  return found;
}

void L1Walk::advance(double time) {
  kappa_ += time * kappa_rate_;
  for (Index j = 0; j < k_; ++j) {
    linear_[j] += time * linear_rate_[j];
    gradient_[j] += time * gradient_rate_[j];
  }
  for (std::size_t i = 0; i < support_.size(); ++i) theta_[i] += time * direction_[i];
}

/// The features that may enter or leave within the time unit given.
void L1Walk::tied(double unit) {
  tied_.clear();
  for (Index j = 0; j < k_; ++j) {
    if (const Index i = position_[j]; i >= 0) {
      if (sign_[i] * theta_[i] <= unit * std::abs(direction_[i])) tied_.push_back(j);
      continue;
    }
    if (barred_[j]) continue;
    const double bound = kappa_ * weight(j), sign = gradient_[j] < 0.0 ? -1.0 : 1.0;
    const double distance = bound - sign * gradient_[j];
    if (distance <= unit * (std::abs(kappa_rate_) * weight(j) + std::abs(gradient_rate_[j])) ||
        distance <= kTie * bound + kRounding * std::abs(linear_[j]))
      tied_.push_back(j);
  }
}

/// Chooses which of the tied features the support holds from here on: coefficients of 0 are to grow
/// in the direction of their signs, and gradients at their bounds are not to cross them. Of those
/// that fail the one of least index changes, again and again (Murty's rule).
bool L1Walk::settle() {
  std::vector<char>::size_type pivots = 0;
  const auto most = static_cast<std::size_t>(1000 + 20 * k_);
  for (bool changed = true; changed;) {
    changed = false;
    for (const Index j : tied_) {
      const Index i = position_[j];
      if (i >= 0) {
        if (!(sign_[i] * direction_[i] < 0.0)) continue;
        leave(i);
      } else {
        const double sign = gradient_[j] < 0.0 ? -1.0 : 1.0;
        if (barred_[j] || !(bound_rate(j, sign) < 0.0)) continue;
        if (static_cast<Index>(support_.size()) == capacity_) return false;
        if (!enter(j, sign)) continue;
      }
      find_direction();
      changed = true;
      break;
    }
    if (++pivots > most) {
      lost_ = true;
      return false;
    }
  }
  return true;
}

bool L1Walk::enter(Index j, double sign) {
  const Index s = static_cast<Index>(support_.size());
  double* const column = columns_ + s * k_;
  gram_->column(j, k_, column);
  for (Index i = 0; i < s; ++i) work_[i] = column[support_[i]];
  if (s > 0) kernels::active().solve_triangular(true, false, s, 1, factor_, capacity_, work_, s);
  const double diagonal = gram_->diagonal(j) + ridge_of(j);
  const double pivot = diagonal - inner(s, work_, work_);
  if (!(pivot > kDependent * diagonal)) {
    barred_[j] = 1;
    return false;
  }
  for (Index i = 0; i < s; ++i) factor_[s + i * capacity_] = work_[i];
  factor_[s + s * capacity_] = std::sqrt(pivot);
  position_[j] = s;
  support_.push_back(j);
  sign_.push_back(sign);
  theta_.push_back(0.0);
  direction_.push_back(0.0);
  return true;
}

/// Rows below the one that goes are made triangular again by rotations.
void L1Walk::leave(Index position) {
  const Index s = static_cast<Index>(support_.size());
  position_[support_[position]] = -1;
  std::fill(barred_.begin(), barred_.end(), 0);
  const auto at = [&](Index i, Index j) -> double& { return factor_[i + j * capacity_]; };
  for (Index j = 0; j < s; ++j)
    for (Index i = std::max(j, position + 1); i < s; ++i) at(i - 1, j) = at(i, j);
  for (Index j = position; j + 1 < s; ++j) {
    const double a = at(j, j), b = at(j, j + 1), length = std::hypot(a, b);
    const double cosine = a / length, sine = b / length;
    for (Index i = j; i + 1 < s; ++i) {
      const double x = at(i, j), y = at(i, j + 1);
      at(i, j) = cosine * x + sine * y;
      at(i, j + 1) = cosine * y - sine * x;
    }
  }
  std::copy(columns_ + (position + 1) * k_, columns_ + s * k_, columns_ + position * k_);
  support_.erase(support_.begin() + position);
  for (std::vector<double>* list : {&sign_, &theta_, &direction_})
    list->erase(list->begin() + position);
  for (Index i = position; i + 1 < s; ++i) position_[support_[i]] = i;
}

bool L1Walk::move(std::span<const double> linear, double penalty, const Visit& visit) {
  kappa_rate_ = penalty - kappa_;
  for (Index j = 0; j < k_; ++j)
    linear_rate_[j] = linear.empty() ? 0.0 : linear[static_cast<std::size_t>(j)] - linear_[j];
  find_direction();
  double left = 1.0;
  bool reached = true;
  // Those at their bounds may have to change before the first step.
  tied(0.0);
  const Index most = 1000 + 50 * (k_ + capacity_);
  for (Index kinks = 0; !lost_; ++kinks) {
    look();
    reached = settle() && (!visit || visit());
    if (!reached) break;
    double time;
    const bool event = next_event(left, time);
    advance(time);
    left -= time;
    if (!event || left <= 0.0) break;
    if (kinks % kRefresh == kRefresh - 1) refresh();
    tied(kTie * kappa_ / (std::abs(kappa_rate_) + kappa_));
    if (kinks > most) lost_ = true;
  }
  if (reached && !lost_) {
    kappa_ = penalty;
    if (!linear.empty()) std::copy(linear.begin(), linear.end(), linear_.begin());
  }
  refresh();
  return reached && !lost_;
}

void L1Walk::refresh() {
  const Index s = static_cast<Index>(support_.size());
  std::copy(linear_.begin(), linear_.end(), gradient_.begin());
  if (s == 0) return;
  const Block model{theta_.data(), s, 1, s}, gradient{gradient_.data(), k_, 1, k_};
  for (int correction = 0; correction < 2; ++correction) {
    std::copy(linear_.begin(), linear_.end(), gradient_.begin());
    multiply(columns(), model, gradient, -1.0, 1.0);
    if (correction == 1) return;
    for (Index i = 0; i < s; ++i) {
      const Index j = support_[i];
      work_[i] = gradient_[j] - kappa_ * weight(j) * sign_[i] - ridge_of(j) * theta_[i];
    }
    solve({work_, s, 1, s});
    for (Index i = 0; i < s; ++i)
      if (theta_[i] != 0.0) theta_[i] += work_[i];  // else it enters at this very kink
  }
}

void L1Walk::change_ridge(double ridge) {
  // theta stays optimal for the linear term c + (ridge - old) theta.
  const Index s = static_cast<Index>(support_.size());
  for (Index i = 0; i < s; ++i) {
    const Index j = support_[i];
    const double change = (ridge - ridge_) * weight(j) * weight(j) * theta_[i];
    linear_[j] += change;
    gradient_[j] += change;
  }
  ridge_ = ridge;
  for (Index j = 0; j < s; ++j)
    for (Index i = j; i < s; ++i)
      factor_[i + j * capacity_] =
          columns_[support_[i] + j * k_] + (i == j ? ridge_of(support_[j]) : 0.0);
  if (s > 0 && !kernels::active().cholesky(s, factor_, capacity_)) lost_ = true;
}

}  // namespace overprune
