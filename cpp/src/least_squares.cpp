#include "overprune/least_squares.hpp"

#include <cmath>

#include "check.hpp"
#include "path_solver.hpp"
#include "retraining.hpp"

namespace overprune {
namespace {

/// A power of two that brings the largest entry (or `least`, if that is larger) near one, where squares might
/// overflow or underflow; else 1.
double safe_scale(ConstMatrix values, double least) {
  double largest = least;
  for (Index j = 0; j < values.cols; ++j)
    for (Index i = 0; i < values.rows; ++i) largest = std::max(largest, std::abs(values(i, j)));
  if (largest == 0.0 || (largest > 1e-100 && largest < 1e100)) return 1.0;
  return std::exp2(-std::clamp(std::ilogb(largest), -1000, 1000));
}

/// Checked, scaled, column-major copies of a caller's X and y.
struct Data {
  Data(ConstMatrix x, ConstMatrix y, double ridge) {
    check::at_least("X (rows)", x.rows, 1);
    check::at_least("X (columns)", x.cols, 1);
    check::at_least("y (targets)", y.cols, 1);
    check::same("y", x.rows, y.rows);
    check::nonnegative("ridge", ridge);
    check::finite("X", x);
    check::finite("y", y);
    const double x_scale = safe_scale(x, std::sqrt(ridge)), y_scale = safe_scale(y, 0.0);
    design = design_buffer.block(x.rows, x.cols);
    response = response_buffer.block(y.rows, y.cols);
    copy_strided(x, x_scale, design);
    copy_strided(y, y_scale, response);
    scaled_ridge = ridge * x_scale * x_scale;
    unscale = x_scale / y_scale;
  }
  Buffer design_buffer, response_buffer;
  Block design, response;
  double scaled_ridge = 0.0;
  double unscale = 1.0;  // theta of the caller's problem over theta of the scaled one
};

}  // namespace

void least_squares(ConstMatrix x, ConstMatrix y, double ridge, Matrix theta, SolveInfo* info) {
  check::same("theta", x.cols, theta.rows);
  check::same("theta (targets)", y.cols, theta.cols);
  std::vector<double> solution(x.cols * y.cols);
  least_squares_path(x, y, {x.cols}, ridge, solution.data(), info);
  for (Index i = 0; i < theta.rows; ++i)
    for (Index t = 0; t < theta.cols; ++t) theta(i, t) = solution[i * theta.cols + t];
}

void least_squares_path(ConstMatrix x, ConstMatrix y, const Indices& sizes, double ridge, double* theta,
                        SolveInfo* info, const Poll& poll) {
  check::increasing("sizes", sizes, 1, x.cols);
  const Data data(x, y, ridge);
  const Index m = y.cols, most = sizes.back(), count = static_cast<Index>(sizes.size());
  Buffer buffer;
  const Block solutions = buffer.block(most, count * m);
  PathSolver().solve(data.design.columns(0, most), data.response, sizes, data.scaled_ridge, solutions, info,
                     poll);
  std::fill_n(theta, count * x.cols * m, 0.0);
  for (Index k = 0; k < count; ++k)
    for (Index t = 0; t < m; ++t)
      for (Index i = 0; i < sizes[k]; ++i)
        theta[(k * x.cols + i) * m + t] = data.unscale * solutions(i, k * m + t);
}

void retrain_path(ConstMatrix x, ConstMatrix y, const Indices& order, const Indices& nonzeros, double ridge,
                  double* theta, const Poll& poll) {
  check::increasing("nonzeros", nonzeros, 1, static_cast<Index>(order.size()));
  std::vector<char> seen(x.cols, 0);
  for (const Index i : order) {
    if (i < 0 || i >= x.cols) check::fail("order must lie in [0, ", x.cols, "), got ", i);
    if (seen[i]) check::fail("order must be distinct, got ", i, " twice");
    seen[i] = 1;
  }
  const Data data(x, y, ridge);
  const Index m = y.cols, most = nonzeros.back(), count = static_cast<Index>(nonzeros.size());
  Buffer column_buffer, solution_buffer;
  const Block columns = column_buffer.block(x.rows, most), solutions = solution_buffer.block(most, count * m);
  gather_columns(data.design, order.data(), most, columns);
  RetrainSolver().solve(columns, data.response, nonzeros, data.scaled_ridge, solutions, poll);
  std::fill_n(theta, count * x.cols * m, 0.0);
  for (Index s = 0; s < count; ++s)
    for (Index t = 0; t < m; ++t)
      for (Index i = 0; i < nonzeros[s]; ++i)
        theta[(s * x.cols + order[i]) * m + t] = data.unscale * solutions(i, s * m + t);
}

}  // namespace overprune
