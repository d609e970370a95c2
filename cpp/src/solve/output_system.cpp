#include "solve/output_system.hpp"

#include <algorithm>
#include <cmath>

#include "base/team.hpp"
#include "kernels/table.hpp"

namespace overprune {
namespace {

/// The least lambda in a factor, relative to the trace: without a ridge well above what rounding
/// leaves.
constexpr double kLeastDamping = 1e-16, kLeastWithout = 1e-12;
/// Below this the root of a weight, relative to the largest, is not divided by.
constexpr double kUneven = 1e-2;
/// By how much lambda grows where a factor breaks down all the same.
constexpr double kMoreDamping = 100.0;

void multiply(bool transpose, ConstBlock matrix, const double* from, double* to) {
  const Index out = transpose ? matrix.cols : matrix.rows,
              depth = transpose ? matrix.rows : matrix.cols;
  kernels::active().gemm(transpose, false, out, 1, depth, 1.0, matrix.data, matrix.ld, from, depth,
                         0.0, to, out);
}

}  // namespace

void OutputSystem::use_columns(ConstBlock x, double lambda) {
  matrix_ = x;
  lambda_ = lambda;
  dual_ = false;
}

void OutputSystem::use_kernel(ConstBlock kernel, double lambda) {
  matrix_ = kernel;
  lambda_ = lambda;
  dual_ = true;
}

void OutputSystem::need(Index n, Index most, bool dual, MemoryNeed& need) {
  const Index widest = std::max(dual ? n : 0, most), padded = kernels::whole_tiles(widest);
  need.hold(padded * padded + 2 * n + std::max(n, most) + n * most);
  need.product(most, most, n);
}

void OutputSystem::outputs(const double* c, double* z) const { multiply(false, matrix_, c, z); }

void OutputSystem::residual(const double* c, const double* slope, double* r) const {
  if (dual_)
    std::copy_n(slope, rows(), r);
  else
    multiply(true, matrix_, slope, r);
  for (Index j = 0; j < coordinates(); ++j) r[j] += lambda_ * c[j];
}

double OutputSystem::ridge_slope(const double* c, const double* z, const double* d) const {
  return lambda_ * inner(coordinates(), dual_ ? z : c, d);
}

void OutputSystem::factor(const double* weights) {
  roots_.resize(rows());
  image_.resize(std::max(rows(), coordinates()));
  weighed_.clear();
  for (Index i = 0; i < rows(); ++i) {
    roots_[i] = std::sqrt(weights[i]);
    if (weights[i] != 0.0) weighed_.push_back(i);  // also what is not a number
  }
  const Index size = order_ = dual_ ? static_cast<Index>(weighed_.size()) : coordinates(),
              padded = kernels::whole_tiles(size);
  const auto [least, largest] = std::minmax_element(roots_.begin(), roots_.end());
  even_ = *least > kUneven * *largest;
  const Index most = kernels::whole_tiles(coordinates());  // the next factor may need all of it
  factor_ = {factor_buffer_.block(most, most).data, padded, padded, padded};
  for (damping_ = lambda_;; damping_ *= kMoreDamping) {
    fill_factor();
    double trace = 0.0;
    for (Index j = 0; j < size; ++j) trace += factor_(j, j);
    damping_ = std::max(damping_,
                        std::max((lambda_ > 0.0 ? kLeastDamping : kLeastWithout) * trace, 1e-300));
    for (Index j = 0; j < size; ++j) factor_(j, j) += damping_;
    for (Index j = size; j < padded; ++j) {  // an identity fills the last tile
      std::fill_n(factor_.col(j) + j, padded - j, 0.0);
      factor_(j, j) = 1.0;
    }
    if (kernels::active().cholesky(padded, factor_.data, factor_.ld)) return;
    if (!(damping_ < trace)) return;  // what is not finite: the caller sees it in the step
  }
}

/// The lower triangle of X'WX or W^{1/2} K W^{1/2}, in whole tiles.
void OutputSystem::fill_factor() {
  const Index n = rows(), size = order_, padded = factor_.rows;
  const double work = kTouch * static_cast<double>(n) * static_cast<double>(size);
  const auto& kernel = kernels::active();
  if (dual_) {
    share_out(size, 16, work, [&](Index begin, Index end) {
      for (Index j = begin; j < end; ++j) {
        const double root = roots_[weighed_[j]], *from = matrix_.col(weighed_[j]);
        double* to = factor_.col(j);
        if (size == n)
          kernel.weigh(n - j, root, roots_.data() + j, from + j, to + j);
        else
          for (Index i = j; i < size; ++i) to[i] = root * roots_[weighed_[i]] * from[weighed_[i]];
        std::fill(to + size, to + padded, 0.0);
      }
    });
    return;
  }
  const Block weighted = weighted_.block(n, size);
  share_out(size, 16, work, [&](Index begin, Index end) {
    for (Index j = begin; j < end; ++j) {
      kernel.weigh(n, 1.0, roots_.data(), matrix_.col(j), weighted.col(j));
      std::fill(factor_.col(j) + j, factor_.col(j) + padded, 0.0);
    }
  });
  kernel.gram(size, n, weighted.data, weighted.ld, factor_.data, factor_.ld);
}

/// b = (L L')^{-1} b.
void OutputSystem::solve_factor(double* b) const {
  const auto& kernel = kernels::active();
  if (order_ == 0) return;
  kernel.solve_triangular(true, false, order_, 1, factor_.data, factor_.ld, b, order_);
  kernel.solve_triangular(true, true, order_, 1, factor_.data, factor_.ld, b, order_);
}

/// b (n) = W^{1/2} B^{-1} W^{1/2} b, B what is factored.
void OutputSystem::solve_rows(double* b) {
  for (Index i = 0; i < order_; ++i) image_[i] = roots_[weighed_[i]] * b[weighed_[i]];
  solve_factor(image_.data());
  std::fill_n(b, rows(), 0.0);
  for (Index i = 0; i < order_; ++i) b[weighed_[i]] = roots_[weighed_[i]] * image_[i];
}

// H^{-1} r for the Hessian H of theta. For that of a, W K + lambda I:
// (W K + lambda I)^{-1} r = (r - W^{1/2} v) / lambda, where B v = W^{1/2} K r and B is what is
// factored. Then K times the step is -W^{-1/2} v.
void OutputSystem::step(const double* r, double* d, double* dz) {
  const Index size = coordinates();
  if (!dual_) {
    for (Index j = 0; j < size; ++j) d[j] = -r[j];
    solve_factor(d);
    return outputs(d, dz);
  }
  multiply(false, matrix_, r, d);
  solve_rows(d);
  if (even_)
    for (Index i = 0; i < size; ++i) dz[i] = -d[i] / (roots_[i] * roots_[i]);
  for (Index i = 0; i < size; ++i) d[i] = (d[i] - r[i]) / damping_;
  if (!even_) outputs(d, dz);
}

// (K / lambda + W^{-1})^{-1} = lambda W^{1/2} B^{-1} W^{1/2} = W - W X H^{-1} X' W.
void OutputSystem::solve_dual(const double* rhs, double* out) {
  const Index n = rows();
  if (dual_) {
    std::copy_n(rhs, n, out);
    solve_rows(out);
    for (Index i = 0; i < n; ++i) out[i] *= damping_;
    return;
  }
  for (Index i = 0; i < n; ++i) out[i] = roots_[i] * roots_[i] * rhs[i];
  multiply(true, matrix_, out, image_.data());
  solve_factor(image_.data());
  multiply(false, matrix_, image_.data(), out);
  for (Index i = 0; i < n; ++i) out[i] = roots_[i] * roots_[i] * (rhs[i] - out[i]);
}

void OutputSystem::dual_outputs(const double* a, double* z) {
  if (dual_) return outputs(a, z);
  image_.resize(std::max(rows(), coordinates()));
  multiply(true, matrix_, a, image_.data());
  multiply(false, matrix_, image_.data(), z);
}

}  // namespace overprune
