#include "overprune/features.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

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
  Factor from_column(Index j) const { return {data + j * (transposed ? 1 : ld), ld, transposed}; }
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
                  left.ld, right.from_column(first).data, right.ld, 0.0, part.data, part.ld);
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

void features_into(ConstBlock inputs, ConstMatrix weights, const ScalarFunction& activation,
                   const double* bias, Block out, const Poll& poll) {
  const Index most =
      std::min(kColumns, std::max(Index{128}, columns_per_poll(2 * inputs.rows * inputs.cols)));
  Buffer buffer;
  const Factor right = factor(weights, buffer).turned();
  in_even_parts(out.cols, most, [&](Index first, Index count) {
    poll_now(poll);
    const double* shifts = bias ? bias + first : nullptr;
    multiply({inputs.data, inputs.ld, false}, right.from_column(first), inputs.cols,
             out.columns(first, count), activation, [&](Index, Index j, Block block) {
               apply(activation, shifts ? shifts + j : nullptr, block);
             });
  });
}

Index rows_at_once(Index d) {
  constexpr Index numbers = Index{1} << 20;  // 8 MiB
  return std::max(kLeastRows, numbers / std::max(d, Index{1}));
}

void draw_weights(const DrawnWeights& weights, Index d, Index first, Index count, double* out) {
  constexpr Index line = 512, near = 8 * line;  // whole batches of the kernel; what stays in cache
  const double scale = 1.0 / std::sqrt(static_cast<double>(d));
  share_out(count * d, line, 60.0 * static_cast<double>(count * d), [&](Index begin, Index end) {
    Pace pace;
    for (Index i = begin; i < end; i += near, pace(near)) {
      const Index some = std::min(near, end - i);
      standard_normal(weights.key, static_cast<std::uint64_t>(first * d + i), some, out + i);
      for (Index j = i; j < i + some; ++j) out[j] *= scale;
    }
  });
}

namespace {

/// @param p  features
void check_features(ConstMatrix inputs, Index p, const ScalarFunction& activation, ConstVector bias,
                    ConstMatrix out) {
  check_function("activation", activation);
  check::view("inputs", inputs);
  check::view("bias", bias);
  check::view("out", out);
  if (bias.size != 0) check::same("bias", p, bias.size);
  check::same("out (rows)", inputs.rows, out.rows);
  check::same("out (columns)", p, out.cols);
  check::finite("inputs", inputs);
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

/// The features of checked inputs in a result of any layout, some columns after the other.
class FeatureWriter {
 public:
  FeatureWriter(ConstMatrix inputs, const ScalarFunction& activation, ConstVector bias, Matrix out)
      : activation_(activation),
        out_(out),
        by_rows_(out.col_stride == 1 && out.row_stride >= out.cols),
        by_columns_(!by_rows_ && out.row_stride == 1 && out.col_stride >= out.rows),
        depth_(inputs.cols),
        inputs_(factor(inputs, input_buffer_)),
        shifts_(copy_of(bias)) {
    if (by_rows_)
      x_ = {out.data, out.cols, out.rows, out.row_stride};
    else if (by_columns_)
      x_ = {out.data, out.rows, out.cols, out.col_stride};
    else
      x_ = out_buffer_.block(out.rows, out.cols);
  }

  /// Features first, first + 1, ... from their weights (count, d).
  void make(const Factor& weights, Index first, Index count) const {
    const auto finish = [&](Index i, Index j, Block part) {
      activate(activation_, shifts_.empty() ? nullptr : shifts_.data() + first + (by_rows_ ? i : j),
               by_rows_, part);
    };
    // Row-major features are those of the transposed product, weights inputs', with a bias for
    // every row.
    if (by_rows_)
      multiply(weights, inputs_.turned(), depth_, {x_.data + first, count, x_.cols, x_.ld},
               activation_, finish);
    else
      multiply(inputs_, weights.turned(), depth_, x_.columns(first, count), activation_, finish);
  }

  void finish() const {
    if (!by_rows_ && !by_columns_) copy_out(x_, out_);
  }

 private:
  Buffer input_buffer_, out_buffer_;
  const ScalarFunction& activation_;
  Matrix out_;
  bool by_rows_, by_columns_;
  Index depth_;
  Factor inputs_;
  std::vector<double> shifts_;
  Block x_;
};

}  // namespace

void random_features(ConstMatrix inputs, ConstMatrix weights, const ScalarFunction& activation,
                     ConstVector bias, Matrix out, Index workers) {
  const TeamScope scope(workers);
  check::view("inputs", inputs);
  check::view("weights", weights);
  check::same("weights (columns)", inputs.cols, weights.cols);
  check_features(inputs, weights.rows, activation, bias, out);
  check::finite("weights", weights);
  Buffer buffer;
  const FeatureWriter features(inputs, activation, bias, out);
  features.make(factor(weights, buffer), 0, weights.rows);
  features.finish();
}

namespace {

/// Fresh memory costs as much as the numbers in it: each thread keeps some from call to call, as
/// the kernels do. A thread that never came by the declaration would not free it at its end.
Buffer& kept_rows() {
  static thread_local Buffer kept;
  return kept;
}

}  // namespace

void random_features(ConstMatrix inputs, const DrawnWeights& weights,
                     const ScalarFunction& activation, ConstVector bias, Matrix out,
                     Index workers) {
  const TeamScope scope(workers);
  check::at_least("weights (rows)", weights.rows, 1);
  check_features(inputs, weights.rows, activation, bias, out);
  constexpr Index most = Index{1} << 49;
  if (inputs.cols > 0 && weights.rows > most / inputs.cols)
    check::fail("weights must have at most 2^49 numbers, got ", weights.rows, " rows of ",
                inputs.cols);
  const FeatureWriter features(inputs, activation, bias, out);
  const bool keep = rows_at_once(inputs.cols) > kLeastRows;
  const auto make = [&](Index begin, Index end) {
    // A call inside this one, by the caller's function, finds no memory.
    Buffer buffer = std::exchange(kept_rows(), {});
    each_drawn_block(weights, inputs.cols, begin, end, buffer, [&](Index first, ConstMatrix rows) {
      features.make({rows.data, rows.row_stride, true}, first, rows.rows);
    });
    if (keep) kept_rows() = std::move(buffer);
  };
  // Every thread draws the rows of its own features, where there are several blocks. One block is
  // drawn together and multiplied together: the other factor is packed less often. The calling
  // thread alone calls the caller's function.
  const double work = 2.0 * static_cast<double>(inputs.rows + 30) *
                      static_cast<double>(inputs.cols) * static_cast<double>(weights.rows);
  if (activation.named() && weights.rows > rows_at_once(inputs.cols))
    share_out(weights.rows, kLeastRows, work, make);
  else
    make(0, weights.rows);
  features.finish();
}

}  // namespace overprune
