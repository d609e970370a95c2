#include "overprune/features.hpp"

#include <algorithm>
#include <cmath>

#include "base/check.hpp"
#include "base/pace.hpp"
#include "base/team.hpp"
#include "kernels/table.hpp"
#include "overprune/finite.hpp"
#include "problem/features.hpp"

namespace overprune {
namespace {

constexpr Index kColumns = 1024;  // columns per product: fewer, and packing the other factor shows
constexpr Index kImages = 1 << 16;  // numbers that a caller's function gets at once

/// X (m, n) = phi(X + 1 bias') for a function of the caller's.
void call_on(const ScalarFunction& phi, const double* bias, Block x) {
  Pace pace;
  for (Index j = 0; bias && j < x.cols; ++j, pace(x.rows))
    for (Index i = 0; i < x.rows; ++i) x(i, j) += bias[j];
  if (x.ld == x.rows) {
    phi(x.data, x.rows * x.cols);
    return;
  }
  for (Index j = 0; j < x.cols; ++j) phi(x.col(j), x.rows);
}

/// The same for any function. A named one goes through columns that take some milliseconds each,
/// with calls of look() in between.
void apply(const ScalarFunction& phi, const double* bias, Block x) {
  if (!phi.named()) return call_on(phi, bias, x);
  const Index width = std::clamp<Index>((Index{1} << 20) / std::max<Index>(x.rows, 1), 1, x.cols);
  for (Index first = 0; first < x.cols; first += width) {
    if (first > 0) look();
    kernels::active().activate(static_cast<int>(phi.activation()), x.rows,
                               std::min(width, x.cols - first), bias ? bias + first : nullptr,
                               x.col(first), x.ld);
  }
}

/// A matrix (rows, cols) as the kernels take it: column-major, or the transpose of what is.
struct Factor {
  const double* data;
  Index ld;
  bool transposed;

  Factor turned() const { return {data, ld, !transposed}; }
  const double* column(Index j) const { return data + j * (transposed ? 1 : ld); }
};

/// `matrix` itself where rows or columns lie side by side, else a copy.
Factor factor(ConstMatrix matrix, Buffer& buffer) {
  if (matrix.row_stride == 1 && matrix.col_stride >= matrix.rows)
    return {matrix.data, matrix.col_stride, false};
  if (matrix.col_stride == 1 && matrix.row_stride >= matrix.cols)
    return {matrix.data, matrix.row_stride, true};
  const Block copy = buffer.block(matrix.rows, matrix.cols);
  copy_strided(matrix, 1.0, copy);
  return {copy.data, copy.ld, false};
}

/// X = left right, and finish(i, j, part) for its parts, from row i and column j on: for a named
/// function while they are in cache, for a caller's in large parts, one after the other.
template <class Function>
void multiply(const Factor& left, const Factor& right, Index depth, Block x,
              const ScalarFunction& phi, const Function& finish) {
  const auto& kernel = kernels::active();
  if (!phi.named()) {
    for (Index first = 0; first < x.cols; first += kColumns) {
      const Block part = x.columns(first, std::min(kColumns, x.cols - first));
      kernel.gemm(left.transposed, right.transposed, x.rows, part.cols, depth, 1.0, left.data,
                  left.ld, right.column(first), right.ld, 0.0, part.data, part.ld);
      finish(0, first, part);
    }
    return;
  }
  struct Context {
    Block x;
    const Function* finish;
  } const context{x, &finish};
  const auto call = [](const void* given, Index i, Index rows, Index j, Index columns) {
    const auto& [whole, body] = *static_cast<const Context*>(given);
    (*body)(i, j, Block{&whole(i, j), rows, columns, whole.ld});
  };
  kernel.finished_gemm(left.transposed, right.transposed, x.rows, x.cols, depth, left.data, left.ld,
                       right.data, right.ld, x.data, x.ld, {call, &context});
}

}  // namespace

void check_function(const char* name, const ScalarFunction& function) {
  if (!function.named()) return;
  if (!function.name().empty()) check::fail(name, " must have a callback, got none");
  check::position(name, static_cast<int>(function.activation()), kActivations);
}

void ScalarFunction::operator()(double* values, Index count) const {
  check_function("activation", *this);
  check::at_least("count", count, 0);
  check::pointer("values", values, count);
  if (named()) {
    kernels::active().activate(static_cast<int>(activation_), count, 1, nullptr, values, count);
    return;
  }
  for (Index first = 0; first < count; first += kImages) {
    const Index some = std::min(kImages, count - first);
    callback_(values + first, some);
    for (Index i = first; i < first + some; ++i)
      if (!std::isfinite(values[i]))
        check::fail(name_, " must return finite numbers, got ", values[i]);
  }
}

Activation activation_from_name(const std::string& name) {
  return static_cast<Activation>(check::position("activation", name, kActivations));
}

const char* name_of(Activation activation) {
  check_function("activation", activation);
  return kActivations[static_cast<int>(activation)];
}

void features_into(ConstBlock inputs, ConstBlock weights, const ScalarFunction& activation,
                   const double* bias, Block out, const Poll& poll) {
  const Index width =
      std::min(kColumns, std::max(Index{128}, columns_per_poll(2 * inputs.rows * inputs.cols)));
  for (Index first = 0; first < out.cols; first += width) {
    poll_now(poll);
    const Index count = std::min(width, out.cols - first);
    const Block part = out.columns(first, count);
    const double* shifts = bias ? bias + first : nullptr;
    multiply({inputs.data, inputs.ld, false}, {weights.data + first, weights.ld, true}, inputs.cols,
             part, activation, [&](Index, Index j, Block block) {
               apply(activation, shifts ? shifts + j : nullptr, block);
             });
  }
}

namespace {

void check_features(ConstMatrix inputs, ConstMatrix weights, const ScalarFunction& activation,
                    ConstVector bias, ConstMatrix out) {
  check_function("activation", activation);
  check::view("inputs", inputs);
  check::view("weights", weights);
  check::view("bias", bias);
  check::view("out", out);
  check::same("weights (columns)", inputs.cols, weights.cols);
  if (bias.size != 0) check::same("bias", weights.rows, bias.size);
  check::same("out (rows)", inputs.rows, out.rows);
  check::same("out (columns)", weights.rows, out.cols);
  check::finite("inputs", inputs);
  check::finite("weights", weights);
  check::finite("bias", bias);
}

/// Activates products of inputs and weights.
/// @param bias     (part.rows) or (part.cols); may be null
/// @param by_rows  whether the features are the rows of `part`, and the bias that of its rows
void activate(const ScalarFunction& activation, const double* bias, bool by_rows, Block part) {
  if (bias && by_rows)
    for (Index j = 0; j < part.cols; ++j)
      for (Index i = 0; i < part.rows; ++i) part(i, j) += bias[i];
  const auto check_finite = [&part] {
    if (!all_finite({part.data, part.rows, part.cols, 1, part.ld}))
      check::fail("inputs must have finite features: their products with the weights overflow");
  };
  if (!activation.named()) check_finite();  // a function of the caller's sees finite numbers only
  apply(activation, by_rows ? nullptr : bias, part);
  if (activation.named()) check_finite();
}

}  // namespace

void random_features(ConstMatrix inputs, ConstMatrix weights, const ScalarFunction& activation,
                     ConstVector bias, Matrix out, Index workers) {
  const TeamScope scope(workers);
  check_features(inputs, weights, activation, bias, out);
  Buffer input_buffer, weight_buffer, out_buffer;
  const Factor a = factor(inputs, input_buffer), r = factor(weights, weight_buffer);
  std::vector<double> shifts(bias.size);
  for (Index i = 0; i < bias.size; ++i) shifts[i] = bias(i);
  // Row-major features are those of the transposed product, weights inputs', with a bias for every
  // row.
  const bool by_rows = out.col_stride == 1 && out.row_stride >= out.cols;
  const bool by_columns = !by_rows && out.row_stride == 1 && out.col_stride >= out.rows;
  const Index p = out.cols, n = out.rows, d = inputs.cols;
  const Block x = by_rows      ? Block{out.data, p, n, out.row_stride}
                  : by_columns ? Block{out.data, n, p, out.col_stride}
                               : out_buffer.block(n, p);
  const Factor left = by_rows ? r : a, right = (by_rows ? a : r).turned();
  const auto finish = [&](Index i, Index j, Block part) {
    activate(activation, shifts.empty() ? nullptr : shifts.data() + (by_rows ? i : j), by_rows,
             part);
  };
  multiply(left, right, d, x, activation, finish);
  if (!by_rows && !by_columns) copy_out(x, out);
}

}  // namespace overprune
