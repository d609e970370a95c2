#include "solve/layer_fit.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/table.hpp"
#include "problem/covariance.hpp"
#include "solve/surgeon.hpp"

namespace overprune {
namespace {

// Bounds of the damping, relative to the mean diagonal of H, that tuning looks between.
constexpr double kLeastTried = 1e-6, kMostTried = 1e3;
// An eigenvalue below minus this times the largest is no rounding error, not of single precision.
constexpr double kMostNegative = 1e-5;
constexpr int kCoarse = 37;  // points of the first look
constexpr int kFine = 24;    // steps of the golden section after it

/// training / (1 - df/n)^2.
double predicted_loss(double training, double degrees, double rows) {
  const double left = std::max(1.0 - degrees / rows, std::numeric_limits<double>::epsilon());
  return training / (left * left);
}

}  // namespace

void gather_support(ConstBlock moment, const Indices& support, double damping, Block out) {
  const Index s = static_cast<Index>(support.size());
  for (Index j = 0; j < s; ++j) {
    const double* from = moment.col(support[j]);
    double* to = out.col(j);
    for (Index i = j; i < s; ++i) to[i] = from[support[i]];
    to[j] += damping;
  }
}

void RowRefit::prepare(const LayerProblem& layer, std::span<const Index> rows,
                       std::span<const Indices> supports, Block pull, double* unfitted) {
  const Index p = layer.moment.rows, count = static_cast<Index>(rows.size());
  const Block off = prepared_ = off_.block(p, count);
  for (Index r = 0; r < count; ++r) {
    std::copy_n(layer.weight.col(rows[r]), p, off.col(r));
    for (const Index i : supports[r]) off(i, r) = 0.0;
  }
  kernels::active().gemm(false, false, p, count, p, 1.0, layer.moment.data, layer.moment.ld,
                         off.data, off.ld, 0.0, pull.data, pull.ld);
  for (Index r = 0; r < count; ++r) unfitted[r] = std::max(inner(p, off.col(r), pull.col(r)), 0.0);
}

RowFit RowRefit::solve(const RowSystem& system, double damping, double* change) {
  const Index s = static_cast<Index>(system.support.size());
  RowFit fit;
  if (s == 0) {
    fit.training = fit.predicted = system.unfitted;
    return fit;
  }
  // With as many weights as rows the refit interpolates, and only eigenvalues tell what that costs.
  const bool may_interpolate = damping == 0.0 && static_cast<double>(s) >= system.layer.rows;
  const bool is_solved =
      may_interpolate ? by_dual(system, change, fit) : by_cholesky(system, damping, change, fit);
  if (!is_solved) by_eigenvectors(system, damping, change, fit);
  return fit;
}

/// Cholesky factor of the leading block of a matrix in whole tiles, which are filled by an
/// identity; false where it is not far from singular.
bool RowRefit::factor(Block matrix, Index size) {
  norms_.resize(size);
  for (Index j = 0; j < size; ++j) {
    norms_[j] = std::sqrt(matrix(j, j));
    std::fill(matrix.col(j) + size, matrix.col(j) + matrix.rows, 0.0);
  }
  for (Index j = size; j < matrix.rows; ++j) {
    std::fill(matrix.col(j) + j, matrix.col(j) + matrix.rows, 0.0);
    matrix(j, j) = 1.0;
  }
  if (!kernels::active().cholesky(matrix.rows, matrix.data, matrix.ld)) return false;
  const ConstBlock lower = ConstBlock(matrix).columns(0, size).top(size);
  return judge_.trusted(lower, norms_, Indices{size}, kGramFloor, RowUnit::own) > 0;
}

bool RowRefit::by_cholesky(const RowSystem& system, double damping, double* change, RowFit& fit) {
  const auto& kernel = kernels::active();
  const Index s = static_cast<Index>(system.support.size()), padded = kernels::whole_tiles(s);
  const Block matrix = matrix_.block(padded, padded);
  gather_support(system.layer.moment, system.support, damping, matrix);
  if (!factor(matrix, s)) return false;
  const ConstBlock lower = ConstBlock(matrix).columns(0, s).top(s);
  turned_.resize(s);
  for (Index i = 0; i < s; ++i) change[i] = turned_[i] = system.pull[system.support[i]];
  kernel.solve_triangular(true, false, s, 1, lower.data, lower.ld, change, s);
  kernel.solve_triangular(true, true, s, 1, lower.data, lower.ld, change, s);
  const double gain = inner(s, change, turned_.data()) + damping * inner(s, change, change);
  fit.training = std::max(system.unfitted - gain, 0.0);
  fit.rank = s;
  fit.degrees = static_cast<double>(s);
  if (damping > 0.0) fit.degrees -= damping * inverse_norm2(lower, space_);
  fit.predicted = predicted_loss(fit.training, fit.degrees, system.layer.rows);
  return true;
}

/// As many weights as rows or more: X_S' K^{-1} y / n with K = X_S X_S' / n and y what the pruned
/// weights did. Nothing is left on the calibration rows to extrapolate from; the limit of vanishing
/// damping is |K^{-1} y|^2 / n over (tr K^{-1} / n)^2.
bool RowRefit::by_dual(const RowSystem& system, double* change, RowFit& fit) {
  const auto& kernel = kernels::active();
  const ConstBlock inputs = system.layer.inputs;
  if (inputs.data == nullptr) return false;
  const Index n = inputs.rows, s = static_cast<Index>(system.support.size()),
              padded = kernels::whole_tiles(n);
  const Block columns = columns_.block(n, s), matrix = matrix_.block(padded, padded);
  gather_columns(inputs, system.support.data(), s, columns);
  for (Index j = 0; j < n; ++j) std::fill(matrix.col(j) + j, matrix.col(j) + n, 0.0);
  kernel.row_gram(n, s, columns.data, columns.ld, matrix.data, matrix.ld);
  if (!factor(matrix, n)) return false;
  const ConstBlock lower = ConstBlock(matrix).columns(0, n).top(n);
  turned_.resize(n);
  double* dual = turned_.data();
  kernel.gemm(false, false, n, 1, inputs.cols, 1.0, inputs.data, inputs.ld, system.off, inputs.cols,
              0.0, dual, n);
  kernel.solve_triangular(true, false, n, 1, lower.data, lower.ld, dual, n);
  kernel.solve_triangular(true, true, n, 1, lower.data, lower.ld, dual, n);
  kernel.gemm(true, false, s, 1, n, 1.0, columns.data, columns.ld, dual, n, 0.0, change, s);
  const double trace = inverse_norm2(lower, space_);
  fit.rank = n;
  fit.degrees = static_cast<double>(n);
  fit.predicted = static_cast<double>(n) * inner(n, dual, dual) / (trace * trace);
  return true;
}

/// Where H_SS is singular: the change of least norm, and the same limit as in `by_dual`.
void RowRefit::by_eigenvectors(const RowSystem& system, double damping, double* change,
                               RowFit& fit) {
  const auto& kernel = kernels::active();
  const Index s = static_cast<Index>(system.support.size());
  const Block matrix = matrix_.block(s, s);
  gather_support(system.layer.moment, system.support, 0.0, matrix);
  values_.resize(s);
  turned_.resize(s);
  kernel.symmetric_eigen(s, matrix.data, matrix.ld, values_.data());
  if (values_[0] < -kMostNegative * values_.back()) refuse_indefinite();
  const double least = covariance_rounding(s) * std::max(values_.back(), 0.0);
  for (Index i = 0; i < s; ++i) change[i] = system.pull[system.support[i]];
  for (Index k = 0; k < s; ++k) turned_[k] = inner(s, matrix.col(k), change);
  double gain = 0.0, inverse = 0.0, steep = 0.0;
  for (Index k = 0; k < s; ++k) {
    const double value = values_[k], pull = turned_[k], both = value + damping;
    if (!(value > least)) {
      turned_[k] = 0.0;
      continue;
    }
    ++fit.rank;
    turned_[k] = pull / both;
    fit.degrees += value / both;
    gain += turned_[k] * (pull + damping * turned_[k]);
    inverse += 1.0 / value;
    steep += turned_[k] * turned_[k] / value;
  }
  std::fill_n(change, s, 0.0);
  for (Index k = 0; k < s; ++k)
    for (Index i = 0; i < s; ++i) change[i] += matrix(i, k) * turned_[k];
  fit.training = std::max(system.unfitted - gain, 0.0);
  const double rows = system.layer.rows;
  if (damping == 0.0 && static_cast<double>(fit.rank) >= rows) {
    fit.training = 0.0;
    fit.predicted = steep / ((inverse / rows) * (inverse / rows));
  } else {
    fit.predicted = predicted_loss(fit.training, fit.degrees, rows);
  }
}

void DampingCurve::add(const RowSystem& system) {
  const Index s = static_cast<Index>(system.support.size());
  Row row{std::vector<double>(s), std::vector<double>(s), std::vector<double>(s),
          std::vector<double>(s), system.unfitted};
  Buffer buffer;
  const Block matrix = buffer.block(s, s);
  gather_support(system.layer.moment, system.support, 0.0, matrix);
  for (Index i = 0; i < s; ++i) row.pull[i] = system.pull[system.support[i]];
  if (s > 0)
    kernels::active().tridiagonalize(s, matrix.data, matrix.ld, row.diagonal.data(), row.off.data(),
                                     row.values.data(), 1, row.pull.data(), s);
  for (double& value : row.values) value = std::max(value, 0.0);
  kept_.push_back(std::move(row));
}

double DampingCurve::row_loss(const Row& row, double damping) const {
  const Index s = static_cast<Index>(row.pull.size());
  // (T + mu I) u = c by L D L'.
  std::vector<double> pivot(s), u = row.pull;
  for (Index i = 0; i < s; ++i) {
    pivot[i] = row.diagonal[i] + damping;
    if (i == 0) continue;
    const double factor = row.off[i - 1] / pivot[i - 1];
    pivot[i] -= factor * row.off[i - 1];
    u[i] -= factor * u[i - 1];
  }
  for (Index i = s - 1; i >= 0; --i) {
    u[i] /= pivot[i];
    if (i + 1 < s) u[i] -= row.off[i] / pivot[i] * u[i + 1];
  }
  double degrees = 0.0;
  for (const double value : row.values) degrees += value / (value + damping);
  const double gain = inner(s, u.data(), row.pull.data()) + damping * inner(s, u.data(), u.data());
  return predicted_loss(std::max(row.unfitted - gain, 0.0), degrees, rows_);
}

double DampingCurve::loss(double damping) const {
  double sum = 0.0;
  for (const Row& row : kept_) sum += row_loss(row, damping);
  return sum / static_cast<double>(kept_.size());
}

std::vector<double> damping_grid(int count) {
  std::vector<double> grid(count);
  for (int i = 0; i < count; ++i)
    grid[i] = kLeastTried * std::pow(kMostTried / kLeastTried,
                                     static_cast<double>(i) / static_cast<double>(count - 1));
  return grid;
}

double DampingCurve::best(double unit) const {
  const std::vector<double> grid = damping_grid(kCoarse);
  std::vector<double> losses(kCoarse);
  for (int i = 0; i < kCoarse; ++i) losses[i] = loss(unit * grid[i]);
  const Index at = std::min_element(losses.begin(), losses.end()) - losses.begin();
  const double golden = 0.5 * (std::sqrt(5.0) - 1.0);
  double low = std::log(grid[std::max<Index>(at - 1, 0)]),
         high = std::log(grid[std::min<Index>(at + 1, kCoarse - 1)]);
  for (int i = 0; i < kFine; ++i) {
    const double left = high - golden * (high - low), right = low + golden * (high - low);
    if (loss(unit * std::exp(left)) <= loss(unit * std::exp(right)))
      high = right;
    else
      low = left;
  }
  return unit * std::exp(0.5 * (low + high));
}

}  // namespace overprune
