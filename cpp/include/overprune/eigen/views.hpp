// Between Eigen's types and the library's views. Part of overprune/eigen.hpp.
#pragma once

#include <Eigen/Core>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "overprune/types.hpp"

namespace overprune {

namespace eigen_detail {

template <class D>
std::true_type is_dense(const Eigen::DenseBase<D>*);
std::false_type is_dense(const void*);

/// Whether a temporary takes its memory with it: a matrix does, and a Ref may hold a copy.
template <class T>
inline constexpr bool kOwns = std::is_same_v<T, typename T::PlainObject>;
template <class T, int Options, class Stride>
inline constexpr bool kOwns<Eigen::Ref<const T, Options, Stride>> = true;

}  // namespace eigen_detail

/// A matrix, vector, array, view or expression of Eigen's whose scalars are doubles.
template <class T>
concept EigenDense = decltype(eigen_detail::is_dense(static_cast<const T*>(nullptr)))::value &&
                     std::is_same_v<typename T::Scalar, double>;

/// The same with memory of its own: no arithmetic, which would have to be evaluated first.
template <class T>
concept EigenDirect = EigenDense<T> && (int(T::Flags) & int(Eigen::DirectAccessBit)) != 0;

/// A strided matrix of Eigen's on memory of the library's.
using EigenMap = Eigen::Map<const Eigen::MatrixXd, Eigen::Unaligned,
                            Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>>;
/// A table of risks: its rows follow one another at an outer stride.
using EigenTable =
    Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>,
               Eigen::Unaligned, Eigen::OuterStride<>>;

/// A view of Eigen's memory for the library, for all that takes one: `RuleInputs`, `Spectrum`,
/// `TestSet`.
/// @param values  (rows, cols), whose memory must outlive the view; a temporary matrix does not
/// compile
/// @return (rows, cols)
template <EigenDirect T>
ConstMatrix matrix_view(const T& values) {
  return {values.derived().data(), Index(values.rows()), Index(values.cols()),
          Index(values.rowStride()), Index(values.colStride())};
}
template <EigenDirect T>
  requires eigen_detail::kOwns<T>
ConstMatrix matrix_view(const T&&) = delete;

/// The same of a vector.
/// @param values  (size) a column or a row, whose memory must outlive the view; a temporary matrix
/// does not compile
/// @return (size)
/// @throws std::invalid_argument for a matrix of several rows and columns
template <EigenDirect T>
ConstVector vector_view(const T& values) {
  if (values.rows() != 1 && values.cols() != 1 && values.size() > 0)
    throw std::invalid_argument("values must be a vector, got shape (" +
                                std::to_string(values.rows()) + ", " +
                                std::to_string(values.cols()) + ")");
  return {values.derived().data(), Index(values.size()),
          Index(values.cols() == 1 ? values.rowStride() : values.colStride())};
}
template <EigenDirect T>
  requires eigen_detail::kOwns<T>
ConstVector vector_view(const T&&) = delete;

/// A matrix of Eigen's on a view of the library's, such as `problem.beta()`; it must not outlive
/// the memory.
/// @param values  (rows, cols), strides at least 0
/// @return (rows, cols)
/// @throws std::invalid_argument for a negative stride, which Eigen does not have
inline EigenMap eigen_map(ConstMatrix values) {
  if (values.row_stride < 0 || values.col_stride < 0)
    throw std::invalid_argument("values must have strides of at least 0, got (" +
                                std::to_string(values.row_stride) + ", " +
                                std::to_string(values.col_stride) + ")");
  const bool by_row = Eigen::MatrixXd::IsRowMajor;
  return {values.data, Eigen::Index(values.rows), Eigen::Index(values.cols),
          Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>(
              Eigen::Index(by_row ? values.row_stride : values.col_stride),
              Eigen::Index(by_row ? values.col_stride : values.row_stride))};
}

namespace eigen_detail {

/// An argument while a call runs: where it lies, or evaluated. Never leaves the caller's stack.
template <EigenDense T>
class Held {
 public:
  explicit Held(const T& values) : values_(values) {}
  ConstMatrix matrix() const { return matrix_view(values_); }
  ConstVector vector(const char* name) const {
    if (values_.rows() != 1 && values_.cols() != 1 && values_.size() > 0)
      throw std::invalid_argument(std::string(name) + " must be a vector, got shape (" +
                                  std::to_string(values_.rows()) + ", " +
                                  std::to_string(values_.cols()) + ")");
    return vector_view(values_);
  }

 private:
  std::conditional_t<EigenDirect<T>, const T&, const typename T::PlainObject> values_;
};

/// The shape of models for targets like Y: a vector for a vector.
template <class Y>
using Model = Eigen::Matrix<double, Eigen::Dynamic, Y::ColsAtCompileTime == 1 ? 1 : Eigen::Dynamic>;

template <class M>
M sized(Index rows, Index cols) {
  M values;
  values.resize(Eigen::Index(rows), Eigen::Index(cols));
  return values;
}

template <class M>
Matrix writable(M& values) {
  return {values.data(), Index(values.rows()), Index(values.cols()), Index(values.rowStride()),
          Index(values.colStride())};
}

template <class M>
Vector writable_vector(M& values) {
  return {values.data(), Index(values.size()), 1};
}

}  // namespace eigen_detail

}  // namespace overprune
