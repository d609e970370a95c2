// Column-major blocks and the buffers behind them: what the algorithms hand to the kernels.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <string>

#include "overprune/interrupt.hpp"
#include "overprune/types.hpp"
#include "pace.hpp"

namespace overprune {

/// Called between sizes by whoever may be stopped; throws to stop. May be empty.
using Poll = std::function<void()>;

inline void poll_now(const Poll& poll) {
  if (poll) poll();
}

/// A (rows, cols) matrix with unit row stride.
template <class T>
struct BlockOf {
  T* data = nullptr;
  Index rows = 0;
  Index cols = 0;
  Index ld = 0;

  T* col(Index j) const { return data + j * ld; }
  T& operator()(Index i, Index j) const { return data[i + j * ld]; }
  BlockOf columns(Index first, Index count) const { return {col(first), rows, count, ld}; }
  BlockOf top(Index count) const { return {data, count, cols, ld}; }
  operator BlockOf<const T>() const { return {data, rows, cols, ld}; }
};
using Block = BlockOf<double>;
using ConstBlock = BlockOf<const double>;

/// std::bad_alloc that says what was asked for.
class OutOfMemory : public std::bad_alloc {
 public:
  explicit OutOfMemory(const std::string& what) : what_(what) {}
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  std::string what_;
};

/// Uninitialised memory that is kept from call to call and only ever grows.
class Buffer {
 public:
  double* get(Index count) { return block(count, 1).data; }
  Block block(Index rows, Index cols) {
    constexpr Index most = PTRDIFF_MAX / static_cast<Index>(sizeof(double));
    if (cols > 0 && rows > most / cols) refuse(rows, cols);
    if (rows * cols > size_) grow(rows, cols);
    return {data_.get(), rows, cols, rows};
  }

 private:
  static constexpr std::align_val_t kAlign{64};

  void grow(Index rows, Index cols) {
    data_.reset();
    size_ = 0;
    void* memory =
        ::operator new[](sizeof(double) * static_cast<std::size_t>(rows * cols), kAlign, std::nothrow);
    if (memory == nullptr) refuse(rows, cols);
    data_.reset(static_cast<double*>(memory));
    size_ = rows * cols;
  }
  [[noreturn]] static void refuse(Index rows, Index cols) {
    throw OutOfMemory("not enough memory for " + std::to_string(rows) + " x " + std::to_string(cols) +
                      " numbers");
  }
  struct Free {
    void operator()(double* pointer) const { ::operator delete[](pointer, kAlign); }
  };
  std::unique_ptr<double[], Free> data_;
  Index size_ = 0;
};

inline void fill(Block block, double value) {
  Pace pace;
  for (Index j = 0; j < block.cols; ++j, pace(block.rows)) std::fill_n(block.col(j), block.rows, value);
}

inline void copy(ConstBlock from, Block to) {
  Pace pace;
  for (Index j = 0; j < from.cols; ++j, pace(from.rows)) std::copy_n(from.col(j), from.rows, to.col(j));
}

/// to = from', in squares that stay in cache.
inline void transpose(ConstBlock from, Block to) {
  constexpr Index square = 32;
  Pace pace;
  for (Index first = 0; first < from.cols; first += square, pace(square * from.rows))
    for (Index i = 0; i < from.rows; ++i)
      for (Index j = first; j < std::min(first + square, from.cols); ++j) to(j, i) = from(i, j);
}

inline double norm2(ConstBlock block) {
  double sum = 0.0;
  for (Index j = 0; j < block.cols; ++j)
    for (Index i = 0; i < block.rows; ++i) sum += block(i, j) * block(i, j);
  return sum;
}

/// The columns order[0..count) of `from`, side by side.
inline void gather_columns(ConstBlock from, const Index* order, Index count, Block to) {
  Pace pace;
  for (Index j = 0; j < count; ++j, pace(from.rows)) std::copy_n(from.col(order[j]), from.rows, to.col(j));
}

/// `from` times `factor`, as a column-major block; walks whichever dimension of `from` is contiguous.
inline void copy_strided(ConstMatrix from, double factor, Block to) {
  Pace pace;
  if (from.col_stride == 1 && from.row_stride != 1) {
    for (Index i = 0; i < from.rows; ++i, pace(from.cols))
      for (Index j = 0; j < from.cols; ++j) to(i, j) = factor * from(i, j);
  } else {
    for (Index j = 0; j < from.cols; ++j, pace(from.rows))
      for (Index i = 0; i < from.rows; ++i) to(i, j) = factor * from(i, j);
  }
}

/// `from` into a view of any layout.
inline void copy_out(ConstBlock from, Matrix to) {
  Pace pace;
  for (Index j = 0; j < from.cols; ++j, pace(from.rows))
    for (Index i = 0; i < from.rows; ++i) to(i, j) = from(i, j);
}

}  // namespace overprune
