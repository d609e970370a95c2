#include "overprune/features.hpp"

#include <iterator>

#include "check.hpp"
#include "features.hpp"
#include "kernels/table.hpp"

namespace overprune {
namespace {

constexpr const char* kNames[] = {"identity", "relu", "sign", "erf", "cos", "tanh", "gelu"};
constexpr Index kColumns = 128;     // features per product, activated while they are in cache
constexpr Index kImages = 1 << 16;  // numbers that a caller's function gets at once

/// X (m, n) = phi(X + 1 bias') for a function of the caller's.
void call_on(const ScalarFunction& phi, const double* bias, Block x) {
  for (Index j = 0; bias && j < x.cols; ++j)
    for (Index i = 0; i < x.rows; ++i) x(i, j) += bias[j];
  if (x.ld == x.rows) {
    phi(x.data, x.rows * x.cols);
    return;
  }
  for (Index j = 0; j < x.cols; ++j) phi(x.col(j), x.rows);
}

}  // namespace

void ScalarFunction::operator()(double* values, Index count) const {
  if (named()) {
    kernels::active().activate(static_cast<int>(activation_), count, 1, nullptr, values, count);
    return;
  }
  for (Index first = 0; first < count; first += kImages) {
    const Index some = std::min(kImages, count - first);
    callback_(values + first, some);
    for (Index i = first; i < first + some; ++i)
      if (!std::isfinite(values[i])) check::fail(name_, " must return finite numbers, got ", values[i]);
  }
}

Activation activation_from_name(const std::string& name) {
  for (int i = 0; i < static_cast<int>(std::size(kNames)); ++i)
    if (name == kNames[i]) return static_cast<Activation>(i);
  check::fail("activation must be one of identity, relu, sign, erf, cos, tanh, gelu; got '", name, "'");
}

const char* name_of(Activation activation) { return kNames[static_cast<int>(activation)]; }

void features_into(ConstBlock inputs, ConstBlock weights, const ScalarFunction& activation,
                   const double* bias, Block out, const Poll& poll) {
  const auto& kernel = kernels::active();
  for (Index first = 0; first < out.cols; first += kColumns) {
    poll_now(poll);
    const Index count = std::min(kColumns, out.cols - first);
    kernel.gemm(false, true, inputs.rows, count, inputs.cols, 1.0, inputs.data, inputs.ld,
                weights.data + first, weights.ld, 0.0, out.col(first), out.ld);
    const double* shifts = bias ? bias + first : nullptr;
    if (activation.named())
      kernel.activate(static_cast<int>(activation.activation()), inputs.rows, count, shifts, out.col(first),
                      out.ld);
    else
      call_on(activation, shifts, out.columns(first, count));
  }
}

void random_features(ConstMatrix inputs, ConstMatrix weights, const ScalarFunction& activation,
                     ConstVector bias, Matrix out) {
  check::same("weights (columns)", inputs.cols, weights.cols);
  if (bias.size > 0) check::same("bias", weights.rows, bias.size);
  check::same("out (rows)", inputs.rows, out.rows);
  check::same("out (columns)", weights.rows, out.cols);
  check::finite("inputs", inputs);
  check::finite("weights", weights);
  check::finite("bias", bias);
  Buffer input_buffer, weight_buffer, out_buffer;
  const Block a = input_buffer.block(inputs.rows, inputs.cols),
              r = weight_buffer.block(weights.rows, weights.cols);
  const Block x = out_buffer.block(out.rows, out.cols);
  copy_strided(inputs, 1.0, a);
  copy_strided(weights, 1.0, r);
  std::vector<double> shifts(bias.size);
  for (Index i = 0; i < bias.size; ++i) shifts[i] = bias(i);
  features_into(a, r, activation, shifts.empty() ? nullptr : shifts.data(), x, {});
  copy_out(x, out);
}

}  // namespace overprune
