#include "solve/compensation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.hpp"
#include "kernels/table.hpp"
#include "overprune/pruning.hpp"
#include "problem/covariance.hpp"
#include "problem/scaled_data.hpp"

namespace overprune {
namespace {

/// A power of two that puts the variances in the middle of the range of double precision.
double middle_scale(ConstMatrix hessian) {
  int least = std::numeric_limits<int>::max(), largest = std::numeric_limits<int>::min();
  for (Index i = 0; i < hessian.rows; ++i) {
    if (!(hessian(i, i) > 0.0)) continue;
    least = std::min(least, std::ilogb(hessian(i, i)));
    largest = std::max(largest, std::ilogb(hessian(i, i)));
  }
  return least > largest ? 1.0 : std::exp2(-(least + largest) / 2);
}

/// out (s, m) = theta_S + H_SS^+ H_{S,S^c} theta_{S^c}.
void project(ConstMatrix hessian, ConstMatrix theta, const Indices& support, Block out) {
  const Index s = static_cast<Index>(support.size()), m = theta.cols;
  std::vector<char> kept(theta.rows, 0);
  for (const Index i : support) kept[i] = 1;
  Buffer cross_buffer;
  const Block cross = cross_buffer.block(s, m);
  fill(cross, 0.0);
  for (Index j = 0; j < theta.rows; ++j) {
    if (kept[j]) continue;
    for (Index t = 0; t < m; ++t)
      for (Index i = 0; i < s; ++i) cross(i, t) += hessian(support[i], j) * theta(j, t);
  }
  const std::vector<double> block = principal_block(hessian, support);
  solve_covariance({block.data(), s, s, s}, cross, out);
  for (Index t = 0; t < m; ++t)
    for (Index i = 0; i < s; ++i) out(i, t) += theta(support[i], t);
}

}  // namespace

void compensate(ConstMatrix theta, const Indices& support, ConstMatrix hessian,
                Matrix compensated) {
  check::view("theta", theta);
  check::view("hessian", hessian);
  check::view("compensated", compensated);
  check::same("compensated", theta.rows, compensated.rows);
  check::same("compensated (targets)", theta.cols, compensated.cols);
  check::same("hessian (rows)", theta.rows, hessian.rows);
  check::same("hessian (columns)", theta.rows, hessian.cols);
  check::finite("theta", theta);
  check::finite("hessian", hessian);
  check::symmetric("hessian", hessian);
  if (support.empty()) check::fail("support must not be empty");
  check::distinct("support", support, theta.rows);
  const Index s = static_cast<Index>(support.size());
  // Powers of two, under which the result scales as theta, so that products of large numbers do not
  // overflow.
  Buffer buffer, theta_buffer, hessian_buffer;
  const Block found = buffer.block(s, theta.cols),
              model = theta_buffer.block(theta.rows, theta.cols),
              metric = hessian_buffer.block(theta.rows, theta.rows);
  copy_strided(theta, 1.0, model);
  const std::vector<double> scales = scale_columns(model);
  copy_strided(hessian, middle_scale(hessian), metric);
  project(column_major(metric.data, metric.rows, metric.cols),
          column_major(model.data, model.rows, model.cols), support, found);
  for (Index t = 0; t < theta.cols; ++t) {
    for (Index i = 0; i < theta.rows; ++i) compensated(i, t) = 0.0;
    for (Index i = 0; i < s; ++i) compensated(support[i], t) = found(i, t) / scales[t];
  }
}

void Compensator::solve(ConstMatrix covariance, ConstBlock theta, const Indices& order,
                        const Indices& nonzeros, Block out) {
  const auto& kernel = kernels::active();
  const Index count = nonzeros.back(), k = theta.rows, m = theta.cols;
  fill(out, 0.0);
  const Block factor = factor_.block(count, count);
  for (Index j = 0; j < count; ++j)
    for (Index i = j; i < count; ++i) factor(i, j) = covariance(order[i], order[j]);
  if (!definite_cholesky(factor)) {
    const ConstMatrix model{theta.data, k, m, 1, theta.ld};
    for (std::size_t a = 0; a < nonzeros.size(); ++a)
      project(covariance, model, Indices(order.begin(), order.begin() + nonzeros[a]),
              out.columns(static_cast<Index>(a) * m, m).top(nonzeros[a]));
    return;
  }
  // Sigma_SS theta_S + Sigma_{S,S^c} theta_{S^c} = (Sigma theta)_S, whose first s rows serve every
  // s.
  const Block image = image_.block(k, m), forward = forward_.block(count, m);
  kernel.gemm(false, false, k, m, k, 1.0, covariance.data, covariance.col_stride, theta.data,
              theta.ld, 0.0, image.data, image.ld);
  for (Index t = 0; t < m; ++t)
    for (Index i = 0; i < count; ++i) forward(i, t) = image(order[i], t);
  kernel.solve_triangular(true, false, count, m, factor.data, factor.ld, forward.data, forward.ld);
  for (std::size_t a = 0; a < nonzeros.size(); ++a) {
    const Block own = out.columns(static_cast<Index>(a) * m, m);
    copy(forward.top(nonzeros[a]), own);
    kernel.solve_triangular(true, true, nonzeros[a], m, factor.data, factor.ld, own.data, own.ld);
  }
}

}  // namespace overprune
