// Views and indices: how every function of the compiled API takes and returns arrays.
//
// A view is a pointer, extents and strides (counted in elements, possibly negative). Nothing here owns
// memory and nothing depends on compiler flags, so a program built with any flags may call the library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace overprune {

using Index = std::ptrdiff_t;

/// A strided vector of `size` elements.
template <class T>
struct VectorView {
  T* data = nullptr;
  Index size = 0;
  Index stride = 1;

  T& operator()(Index i) const { return data[i * stride]; }
  operator VectorView<const T>() const { return {data, size, stride}; }
};

/// A strided matrix of shape (rows, cols): element (i, j) is `data[i * row_stride + j * col_stride]`.
template <class T>
struct MatrixView {
  T* data = nullptr;
  Index rows = 0;
  Index cols = 0;
  Index row_stride = 1;
  Index col_stride = 0;

  T& operator()(Index i, Index j) const { return data[i * row_stride + j * col_stride]; }
  operator MatrixView<const T>() const { return {data, rows, cols, row_stride, col_stride}; }
};

using Vector = VectorView<double>;
using ConstVector = VectorView<const double>;
using Matrix = MatrixView<double>;
using ConstMatrix = MatrixView<const double>;
using Indices = std::vector<Index>;

/// A column-major (rows, cols) view of contiguous memory: what `std::vector<double>` and Eigen hold.
inline Matrix column_major(double* data, Index rows, Index cols) { return {data, rows, cols, 1, rows}; }
inline ConstMatrix column_major(const double* data, Index rows, Index cols) {
  return {data, rows, cols, 1, rows};
}

/// A row-major (rows, cols) view of contiguous memory: what C arrays and numpy hold by default.
inline Matrix row_major(double* data, Index rows, Index cols) { return {data, rows, cols, cols, 1}; }
inline ConstMatrix row_major(const double* data, Index rows, Index cols) {
  return {data, rows, cols, cols, 1};
}

inline Vector vector_view(std::vector<double>& values) {
  return {values.data(), static_cast<Index>(values.size()), 1};
}
inline ConstVector vector_view(const std::vector<double>& values) {
  return {values.data(), static_cast<Index>(values.size()), 1};
}

}  // namespace overprune
