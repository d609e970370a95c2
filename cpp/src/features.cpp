#include "overprune/features.hpp"

#include <iterator>

#include "check.hpp"
#include "features.hpp"
#include "kernels/table.hpp"

namespace overprune {
namespace {

constexpr const char* kNames[] = {"identity", "relu", "sign", "erf", "cos", "tanh"};
constexpr Index kColumns = 128;  // features per product, activated while they are in cache

}  // namespace

Activation activation_from_name(const std::string& name) {
  for (int i = 0; i < static_cast<int>(std::size(kNames)); ++i)
    if (name == kNames[i]) return static_cast<Activation>(i);
  check::fail("activation must be one of identity, relu, sign, erf, cos, tanh; got '", name, "'");
}

const char* name_of(Activation activation) { return kNames[static_cast<int>(activation)]; }

void features_into(ConstBlock inputs, ConstBlock weights, Activation activation, const double* bias,
                   Block out, const Poll& poll) {
  const auto& kernel = kernels::active();
  for (Index first = 0; first < out.cols; first += kColumns) {
    poll_now(poll);
    const Index count = std::min(kColumns, out.cols - first);
    kernel.gemm(false, true, inputs.rows, count, inputs.cols, 1.0, inputs.data, inputs.ld,
                weights.data + first, weights.ld, 0.0, out.col(first), out.ld);
    kernel.activate(static_cast<int>(activation), inputs.rows, count, bias ? bias + first : nullptr,
                    out.col(first), out.ld);
  }
}

void random_features(ConstMatrix inputs, ConstMatrix weights, Activation activation, ConstVector bias,
                     Matrix out) {
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
