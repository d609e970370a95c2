// Eigen maps over the kernels' column-major arguments. Internal linkage: every level has its own.
#pragma once

#include <Eigen/Core>

#include "kernels/level.hpp"

OVERPRUNE_BEGIN_LEVEL
namespace {

using Stride = Eigen::OuterStride<>;
using MatrixMap = Eigen::Map<Eigen::MatrixXd, 0, Stride>;
using ConstMatrixMap = Eigen::Map<const Eigen::MatrixXd, 0, Stride>;
using VectorMap = Eigen::Map<const Eigen::VectorXd>;

[[maybe_unused]] MatrixMap map(double* data, Size rows, Size cols, Size ld) {
  return {data, rows, cols, Stride(ld)};
}
[[maybe_unused]] ConstMatrixMap map(const double* data, Size rows, Size cols, Size ld) {
  return {data, rows, cols, Stride(ld)};
}

}  // namespace
OVERPRUNE_END_LEVEL
