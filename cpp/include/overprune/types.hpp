// Views and indices: every function of the compiled API takes and returns arrays as views.
//
// A view is a pointer, extents and strides. Strides count elements and may be negative. Every
// function throws std::invalid_argument, with the argument's name, for a view with negative
// extents, a view that no memory could hold, and a null pointer to elements. No view owns memory.
// No view depends on compiler flags, so a program built with any flags may call the library.
//
//     std::vector<double> x(n * p);                                      // numpy's layout
//     overprune::ConstMatrix all = overprune::row_major(x.data(), n, p);
//     overprune::ConstMatrix half = {all.data, n, p / 2, p, 2};         // every second column
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "overprune/export.hpp"

OVERPRUNE_PUBLIC_BEGIN
namespace overprune {

using Index = std::ptrdiff_t;  ///< of extents, strides and positions

/// A strided vector of `size` elements.
template <class T>
struct VectorView {
  T* data = nullptr;  ///< element 0
  Index size = 0;     ///< number of elements
  Index stride = 1;   ///< from one element to the next, in elements

  /// Element i, unchecked.
  /// @param i  in [0, size)
  T& operator()(Index i) const { return data[i * stride]; }
  /// The same elements, not to be written.
  operator VectorView<const T>() const { return {data, size, stride}; }
};

/// A strided matrix of shape (rows, cols): element (i, j) is `data[i * row_stride + j *
/// col_stride]`.
template <class T>
struct MatrixView {
  T* data = nullptr;     ///< element (0, 0)
  Index rows = 0;        ///< number of rows
  Index cols = 0;        ///< number of columns
  Index row_stride = 1;  ///< from one row to the next, in elements
  Index col_stride = 0;  ///< from one column to the next, in elements

  /// Element (i, j), unchecked.
  /// @param i  row, in [0, rows)
  /// @param j  column, in [0, cols)
  T& operator()(Index i, Index j) const { return data[i * row_stride + j * col_stride]; }
  /// The same elements, not to be written.
  operator MatrixView<const T>() const { return {data, rows, cols, row_stride, col_stride}; }
};

using Vector = VectorView<double>;             ///< to be written
using ConstVector = VectorView<const double>;  ///< to be read
using Matrix = MatrixView<double>;             ///< to be written
using ConstMatrix = MatrixView<const double>;  ///< to be read
using Indices = std::vector<Index>;            ///< positions, from 0

/// A column-major view of contiguous memory: what Eigen and Fortran hold by default.
/// @param data  (rows cols) element (i, j) at i + j rows
/// @param rows  number of rows
/// @param cols  number of columns
/// @return (rows, cols)
inline Matrix column_major(double* data, Index rows, Index cols) {
  return {data, rows, cols, 1, rows};
}
/// The same to be read.
/// @param data  (rows cols) element (i, j) at i + j rows
/// @param rows  number of rows
/// @param cols  number of columns
/// @return (rows, cols)
inline ConstMatrix column_major(const double* data, Index rows, Index cols) {
  return {data, rows, cols, 1, rows};
}

/// A row-major view of contiguous memory: what C arrays and numpy hold by default.
/// @param data  (rows cols) element (i, j) at i cols + j
/// @param rows  number of rows
/// @param cols  number of columns
/// @return (rows, cols)
inline Matrix row_major(double* data, Index rows, Index cols) {
  return {data, rows, cols, cols, 1};
}
/// The same to be read.
/// @param data  (rows cols) element (i, j) at i cols + j
/// @param rows  number of rows
/// @param cols  number of columns
/// @return (rows, cols)
inline ConstMatrix row_major(const double* data, Index rows, Index cols) {
  return {data, rows, cols, cols, 1};
}

/// A view of a std::vector, which must outlive it.
/// @param values  (size)
/// @return (size)
inline Vector vector_view(std::vector<double>& values) {
  return {values.data(), static_cast<Index>(values.size()), 1};
}
/// The same to be read.
/// @param values  (size)
/// @return (size)
inline ConstVector vector_view(const std::vector<double>& values) {
  return {values.data(), static_cast<Index>(values.size()), 1};
}

}  // namespace overprune
OVERPRUNE_PUBLIC_END
