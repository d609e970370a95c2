#include "solve/surgeon.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/check.hpp"
#include "kernels/table.hpp"
#include "problem/covariance.hpp"

namespace overprune {
namespace {

constexpr Index kInverseColumns = 64;  // of an inverse triangle that are found together
// By this part every variance is raised where the metric is singular: small beside any damping, and
// large beside rounding.
constexpr double kRaise = 1e-10;
// Moments that were computed in single precision are definite after this much.
constexpr double kMostRaise = 1e-5;
// A metric with a larger inflation, the inverse's diagonal times its own, counts as singular.
constexpr double kMostInflation = 1e12;
// Updates lose so many digits that the inverse is made afresh: above the first, once it has fallen
// by the second.
constexpr double kLossyInflation = 1e6, kFall = 1e-2;

/// The columns first, ..., first + count - 1 of L^{-1}, which are zero above `first`.
void inverse_columns(ConstBlock lower, Index first, Index count, Block out) {
  fill(out, 0.0);
  for (Index j = 0; j < count; ++j) out(j, j) = 1.0;
  kernels::active().solve_triangular(true, false, lower.rows - first, count,
                                     lower.data + first * (lower.ld + 1), lower.ld, out.data,
                                     out.ld);
}

}  // namespace

double inverse_norm2(ConstBlock lower, Buffer& space) {
  const Index k = lower.rows;
  double sum = 0.0;
  for (Index first = 0; first < k; first += kInverseColumns) {
    const Index count = std::min(kInverseColumns, k - first);
    const Block columns = space.block(k - first, count);
    inverse_columns(lower, first, count, columns);
    sum += norm2(columns);
  }
  return sum;
}

bool negate_inverse(Block a, Buffer& space) {
  const Index k = a.rows;
  if (!definite_cholesky(a)) return false;
  const Block inverse = space.block(k, k);
  fill(inverse, 0.0);
  for (Index first = 0; first < k; first += kInverseColumns) {
    const Index count = std::min(kInverseColumns, k - first);
    inverse_columns(a, first, count, {inverse.col(first) + first, k - first, count, inverse.ld});
  }
  for (Index j = 0; j < k; ++j) std::fill(a.col(j) + j, a.col(j) + k, 0.0);
  kernels::active().gram(k, k, inverse.data, inverse.ld, a.data, a.ld);
  for (Index j = 0; j < k; ++j)
    for (Index i = j; i < k; ++i) a(i, j) = -a(i, j);
  return true;
}

void refuse_indefinite() {
  check::fail("second_moment must be positive semidefinite, got one that is not");
}

SurgeonMetric::SurgeonMetric(ConstBlock moment, double damping) : moment_(moment) {
  inverse_ = inverse_buffer_.block(moment.rows, moment.rows);
  double raise = 0.0;
  while (!invert(damping, raise)) {
    if (raise > 1.0) refuse_indefinite();
    raise = std::max(kRaise, 10.0 * raise);
  }
}

bool SurgeonMetric::invert(double damping, double raise) {
  const Index p = moment_.rows;
  double mean = 0.0;
  for (Index j = 0; j < p; ++j) mean += moment_(j, j) / static_cast<double>(p);
  diagonal_.resize(p);
  for (Index j = 0; j < p; ++j) {
    std::copy(moment_.col(j) + j, moment_.col(j) + p, inverse_.col(j) + j);
    // An input that is zero in these rows costs nothing: it is to go first.
    const double variance = moment_(j, j) > 0.0 ? moment_(j, j) : kRaise * mean;
    diagonal_[j] = inverse_(j, j) = (variance + damping) * (1.0 + raise);
  }
  Buffer space;
  if (!negate_inverse(inverse_, space)) return false;
  for (Index j = 0; j < p; ++j)
    if (!(-inverse_(j, j) * diagonal_[j] < kMostInflation)) return false;
  return true;
}

void Surgeon::run(const SurgeonMetric& metric, const double* weights, Index keep,
                  const RemovalQuota& quota) {
  metric_ = &metric;
  row_ = weights;
  start(weights, quota);
  for (Index left = metric.size(); left > keep; --left) {
    const Index at = cheapest();
    if (at < 0) break;
    remove(at, quota);
    if (pending_ == kPending) apply();
  }
}

void Surgeon::start(const double* weights, const RemovalQuota& quota) {
  const Index p = metric_->size();
  const ConstBlock from = metric_->negative_inverse();
  inverse_ = inverse_buffer_.block(p, p);
  updates_ = update_buffer_.block(p, kPending);
  column_.get(p);
  active_.resize(p);
  variance_.resize(p);
  for (Index j = 0; j < p; ++j) {
    std::copy(from.col(j) + j, from.col(j) + p, inverse_.col(j) + j);
    active_[j] = j;
    variance_[j] = -from(j, j);
  }
  weight_.assign(weights, weights + p);
  gone_.assign(p, 0);
  open_.assign(p, 1);
  used_.assign(quota.most.size(), 0);
  if (!quota.group.empty())
    for (Index j = 0; j < p; ++j) open_[j] = quota.most[quota.group[j]] > 0;
  order_.clear();
  costs_.clear();
  pending_ = 0;
  inflation_ = largest_inflation();
}

/// Where among the active inputs the removal costs least, of equal ones the first; -1 where none
/// may go.
Index Surgeon::cheapest() const {
  double least = std::numeric_limits<double>::infinity();
  Index found = -1;
  for (Index i = 0; i < static_cast<Index>(active_.size()); ++i) {
    if (!open_[i]) continue;
    const double cost = weight_[i] * weight_[i] / variance_[i];
    // A variance that rounding has made negative belongs to an input that the others determine.
    if (const double sound = variance_[i] > 0.0 ? cost : 0.0; sound < least || found < 0) {
      least = sound;
      found = i;
    }
  }
  return found;
}

/// The column of the inverse as it is now, negative, with zeros for what is gone.
void Surgeon::read_column(Index at) {
  const Index count = static_cast<Index>(active_.size());
  double* column = column_.get(count);
  for (Index i = 0; i < at; ++i) column[i] = inverse_(at, i);
  std::copy(inverse_.col(at) + at, inverse_.col(at) + count, column + at);
  if (pending_ > 0)
    kernels::active().gemm(false, true, count, 1, pending_, 1.0, updates_.data, updates_.ld,
                           updates_.data + at, updates_.ld, 1.0, column, count);
  for (Index i = 0; i < count; ++i)
    if (gone_[i]) column[i] = 0.0;
}

void Surgeon::remove(Index at, const RemovalQuota& quota) {
  const Index count = static_cast<Index>(active_.size());
  read_column(at);
  const double* column = column_.get(count);
  const double variance = std::max(variance_[at], std::numeric_limits<double>::min());
  const double step = weight_[at] / variance, root = 1.0 / std::sqrt(variance);
  order_.push_back(active_[at]);
  costs_.push_back(weight_[at] * step);
  double* update = updates_.col(pending_++);
  for (Index i = 0; i < count; ++i) {
    update[i] = column[i] * root;
    weight_[i] += column[i] * step;
    variance_[i] -= update[i] * update[i];
  }
  gone_[at] = 1;
  open_[at] = 0;
  if (quota.group.empty()) return;
  const Index group = quota.group[active_[at]];
  if (++used_[group] < quota.most[group]) return;
  for (Index i = 0; i < count; ++i)
    if (quota.group[active_[i]] == group) open_[i] = 0;
}

/// Brings the inverse up to date by one symmetric product, on what is left.
void Surgeon::apply() {
  compact();
  const Index count = static_cast<Index>(active_.size());
  const Index waiting = std::exchange(pending_, 0);
  if (inflation_ > kLossyInflation && largest_inflation() < kFall * inflation_) return refresh();
  kernels::active().row_gram(count, waiting, updates_.data, updates_.ld, inverse_.data,
                             inverse_.ld);
}

void Surgeon::compact() {
  moved_.clear();
  Indices stays;
  for (Index i = 0; i < static_cast<Index>(active_.size()); ++i)
    if (!gone_[i]) stays.push_back(i);
  const Index count = static_cast<Index>(stays.size());
  for (Index c = 0; c < count; ++c) {
    const double* from = inverse_.col(stays[c]);
    double* to = inverse_.col(c);
    for (Index r = c; r < count; ++r) to[r] = from[stays[r]];
  }
  for (Index u = 0; u < pending_; ++u)
    for (Index r = 0; r < count; ++r) updates_(r, u) = updates_(stays[r], u);
  for (Index r = 0; r < count; ++r) {
    active_[r] = active_[stays[r]];
    weight_[r] = weight_[stays[r]];
    variance_[r] = variance_[stays[r]];
    open_[r] = open_[stays[r]];
  }
  active_.resize(count);
  weight_.resize(count);
  variance_.resize(count);
  open_.resize(count);
  gone_.assign(count, 0);
}

/// The inverse from the metric again, and the weights from it: w + A^{-1} H_{A,gone} w_gone.
void Surgeon::refresh() {
  const Index count = static_cast<Index>(active_.size());
  for (Index j = 0; j < count; ++j)
    for (Index i = j; i < count; ++i) inverse_(i, j) = metric_->entry(active_[i], active_[j]);
  moved_.assign(count, 0.0);
  for (const Index gone : order_)
    for (Index i = 0; i < count; ++i) moved_[i] += metric_->entry(active_[i], gone) * row_[gone];
  if (!negate_inverse({inverse_.data, count, count, inverse_.ld}, space_)) refuse_indefinite();
  for (Index i = 0; i < count; ++i) {
    weight_[i] = row_[active_[i]];
    variance_[i] = -inverse_(i, i);
  }
  for (Index j = 0; j < count; ++j) {
    weight_[j] -= inverse_(j, j) * moved_[j];
    for (Index i = j + 1; i < count; ++i) {
      weight_[i] -= inverse_(i, j) * moved_[j];
      weight_[j] -= inverse_(i, j) * moved_[i];
    }
  }
  inflation_ = largest_inflation();
}

/// Of the active inputs, the most by which the others inflate one's variance; at least one.
double Surgeon::largest_inflation() const {
  double largest = 0.0;
  for (Index i = 0; i < static_cast<Index>(active_.size()); ++i)
    largest = std::max(largest, variance_[i] * metric_->entry(active_[i], active_[i]));
  return largest;
}

Indices Surgeon::survivors() const {
  Indices kept;
  for (Index i = 0; i < static_cast<Index>(active_.size()); ++i)
    if (!gone_[i]) kept.push_back(active_[i]);
  return kept;
}

}  // namespace overprune
