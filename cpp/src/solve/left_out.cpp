#include "solve/left_out.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/limits.hpp"
#include "base/owned_matrix.hpp"

namespace overprune {
namespace {

constexpr Index kLooks = 8;          // columns that are multiplied at once
constexpr double kMargin = 1e-9;     // of the penalty, within which features are looked at
constexpr double kTie = 1e-12;       // of the penalty, by which a feature may be beyond it
constexpr double kRounding = 4e-15;  // of x_j'r, relative to the lengths of x_j and y

}  // namespace

void LeftOut::start(ConstBlock x, const std::vector<double>& variances, double size) {
  x_ = x;
  size_ = size;
  length_.resize(x.cols);
  for (Index j = 0; j < x.cols; ++j) length_[j] = std::sqrt(variances[j]);
}

void LeftOut::choose(const double* residual, Index live, Indices& chosen) {
  const Index k = x_.cols;
  last_.assign(residual, residual + x_.rows);
  moved_ = 0.0;
  gradient_.resize(k);
  multiply(transposed(x_), ConstBlock{residual, x_.rows, 1, x_.rows}, {gradient_.data(), k, 1, k},
           1.0 / static_cast<double>(x_.rows));
  nearest_.resize(k);
  for (Index j = 0; j < k; ++j) nearest_[j] = std::abs(gradient_[j]);
  for (const Index j : chosen) nearest_[j] = -kInfinity;
  order_.resize(k);
  std::iota(order_.begin(), order_.end(), Index{0});
  const Index more = std::min(live, k) - static_cast<Index>(chosen.size());
  if (more > 0) {
    std::nth_element(order_.begin(), order_.begin() + (more - 1), order_.end(),
                     [&](Index a, Index b) { return nearest_[a] > nearest_[b]; });
    chosen.insert(chosen.end(), order_.begin(), order_.begin() + more);
  }
  for (const Index j : chosen) nearest_[j] = -kInfinity;
}

void LeftOut::move_to(const double* residual) {
  double squares = 0.0;
  for (Index i = 0; i < x_.rows; ++i) {
    const double step = residual[i] - last_[i];
    squares += step * step;
    last_[i] = residual[i];
  }
  moved_ += std::sqrt(squares / static_cast<double>(x_.rows));
}

bool LeftOut::hold(const double* residual, double penalty, Indices& entering) {
  move_to(residual);
  order_.clear();
  for (Index j = 0; j < x_.cols; ++j)
    if (nearest_[j] + length_[j] * moved_ > penalty * (1.0 - kMargin)) order_.push_back(j);
  const std::size_t before = entering.size();
  for (Index i = 0; i < static_cast<Index>(order_.size()); i += kLooks) {
    const Index* const which = order_.data() + i;
    const Index count = std::min(kLooks, static_cast<Index>(order_.size()) - i);
    const Block columns = columns_.block(x_.rows, kLooks).columns(0, count);
    gather_columns(x_, which, count, columns);
    multiply(transposed(columns), ConstBlock{residual, x_.rows, 1, x_.rows},
             {gradient_.data(), count, 1, count}, 1.0 / static_cast<double>(x_.rows));
    for (Index c = 0; c < count; ++c) {
      const double gradient = std::abs(gradient_[c]), length = length_[which[c]];
      nearest_[which[c]] = gradient - length * moved_;
      if (gradient > penalty * (1.0 + kTie) + kRounding * length * size_)
        entering.push_back(which[c]);
    }
  }
  return entering.size() == before;
}

}  // namespace overprune
