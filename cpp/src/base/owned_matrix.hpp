// Matrices that own their memory, and products of blocks by the kernels.
#pragma once

#include <concepts>
#include <utility>

#include "base/block.hpp"
#include "kernels/table.hpp"

namespace overprune {

/// A column-major matrix that owns its memory; zero at first. It begins at a multiple of 64 bytes:
/// how a product is summed depends on where its factors begin.
class OwnedMatrix {
 public:
  OwnedMatrix() = default;
  OwnedMatrix(Index rows, Index cols) : block_(buffer_.block(rows, cols)) { fill(block_, 0.0); }
  explicit OwnedMatrix(double value) : OwnedMatrix(1, 1) { block_(0, 0) = value; }
  explicit OwnedMatrix(ConstBlock from) : block_(buffer_.block(from.rows, from.cols)) {
    copy(from, block_);
  }
  OwnedMatrix(const OwnedMatrix& other) : OwnedMatrix(other.block()) {}
  OwnedMatrix(OwnedMatrix&& other) noexcept { swap(other); }
  OwnedMatrix& operator=(OwnedMatrix other) noexcept {
    swap(other);
    return *this;
  }

  Index rows() const { return block_.rows; }
  Index cols() const { return block_.cols; }
  bool empty() const { return block_.data == nullptr; }
  double& operator()(Index i, Index j) { return block_(i, j); }
  double operator()(Index i, Index j) const { return block_(i, j); }
  double* begin() { return block_.data; }
  double* end() { return block_.data + rows() * cols(); }
  const double* begin() const { return block_.data; }
  const double* end() const { return block_.data + rows() * cols(); }
  Block block() { return block_; }
  ConstBlock block() const { return block_; }
  operator Block() { return block_; }
  operator ConstBlock() const { return block_; }

  /// Adds factor times a matrix of the same shape.
  void add(double factor, ConstBlock other) {
    for (Index j = 0; j < cols(); ++j)
      for (Index i = 0; i < rows(); ++i) block_(i, j) += factor * other(i, j);
  }

 private:
  void swap(OwnedMatrix& other) noexcept {
    std::swap(buffer_, other.buffer_);
    std::swap(block_, other.block_);
  }

  Buffer buffer_;
  Block block_;
};

inline double trace(ConstBlock a) {
  double sum = 0.0;
  for (Index i = 0; i < a.rows; ++i) sum += a(i, i);
  return sum;
}

/// A factor of a product.
struct Factor {
  template <class Matrix>
    requires std::convertible_to<const Matrix&, ConstBlock>
  Factor(const Matrix& matrix) : block(matrix) {}

  ConstBlock block;
  bool is_transposed = false;
};
inline Factor transposed(Factor factor) {
  factor.is_transposed = !factor.is_transposed;
  return factor;
}

/// out = scale A B + keep out.
inline void multiply(Factor a, Factor b, Block out, double scale = 1.0, double keep = 0.0) {
  const Index inner = a.is_transposed ? a.block.rows : a.block.cols;
  kernels::active().gemm(a.is_transposed, b.is_transposed, out.rows, out.cols, inner, scale,
                         a.block.data, a.block.ld, b.block.data, b.block.ld, keep, out.data,
                         out.ld);
}

/// A B.
inline OwnedMatrix product(Factor a, Factor b) {
  OwnedMatrix out(a.is_transposed ? a.block.cols : a.block.rows,
                  b.is_transposed ? b.block.rows : b.block.cols);
  multiply(a, b, out);
  return out;
}

}  // namespace overprune
