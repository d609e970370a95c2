#include "base/block.hpp"

#include <algorithm>

#include "base/pace.hpp"

namespace overprune {

void Buffer::grow(Index rows, Index cols) {
  data_.reset();
  size_ = 0;
  void* memory = ::operator new[](sizeof(double) * static_cast<std::size_t>(rows * cols), kAlign,
                                  std::nothrow);
  if (memory == nullptr) refuse(rows, cols);
  data_.reset(static_cast<double*>(memory));
  size_ = rows * cols;
}

void Buffer::refuse(Index rows, Index cols) {
  throw OutOfMemory("not enough memory for " + std::to_string(rows) + " x " + std::to_string(cols) +
                    " numbers");
}

void fill(Block block, double value) {
  Pace pace;
  for (Index j = 0; j < block.cols; ++j, pace(block.rows))
    std::fill_n(block.col(j), block.rows, value);
}

void copy(ConstBlock from, Block to) {
  Pace pace;
  for (Index j = 0; j < from.cols; ++j, pace(from.rows))
    std::copy_n(from.col(j), from.rows, to.col(j));
}

void transpose(ConstBlock from, Block to) {
  constexpr Index square = 32;  // stays in cache
  Pace pace;
  for (Index first = 0; first < from.cols; first += square, pace(square * from.rows))
    for (Index i = 0; i < from.rows; ++i)
      for (Index j = first; j < std::min(first + square, from.cols); ++j) to(j, i) = from(i, j);
}

double norm2(ConstBlock block) {
  double sum = 0.0;
  for (Index j = 0; j < block.cols; ++j)
    for (Index i = 0; i < block.rows; ++i) sum += block(i, j) * block(i, j);
  return sum;
}

void gather_columns(ConstBlock from, const Index* order, Index count, Block to) {
  Pace pace;
  for (Index j = 0; j < count; ++j, pace(from.rows))
    std::copy_n(from.col(order[j]), from.rows, to.col(j));
}

// Walks whichever dimension of `from` is contiguous.
void copy_strided(ConstMatrix from, double factor, Block to) {
  Pace pace;
  if (from.col_stride == 1 && from.row_stride != 1) {
    for (Index i = 0; i < from.rows; ++i, pace(from.cols))
      for (Index j = 0; j < from.cols; ++j) to(i, j) = factor * from(i, j);
  } else {
    for (Index j = 0; j < from.cols; ++j, pace(from.rows))
      for (Index i = 0; i < from.rows; ++i) to(i, j) = factor * from(i, j);
  }
}

std::vector<double> copy_of(ConstVector from) {
  std::vector<double> to(from.size);
  for (Index i = 0; i < from.size; ++i) to[i] = from(i);
  return to;
}

void copy_out(ConstBlock from, Matrix to) {
  Pace pace;
  for (Index j = 0; j < from.cols; ++j, pace(from.rows))
    for (Index i = 0; i < from.rows; ++i) to(i, j) = from(i, j);
}

}  // namespace overprune
