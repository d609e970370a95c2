#include "base/block.hpp"

#include <algorithm>

#include "base/pace.hpp"
#include "base/team.hpp"

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

namespace {

/// Calls body(j) for columns of so many numbers, on all threads of a team where they are many.
template <class Body>
void each_column(Index rows, Index cols, const Body& body) {
  const double work = kTouch * static_cast<double>(rows) * static_cast<double>(cols);
  share_out(cols, 1, work, [&](Index begin, Index end) {
    Pace pace;
    for (Index j = begin; j < end; ++j, pace(rows)) body(j);
  });
}

}  // namespace

void fill(Block block, double value) {
  each_column(block.rows, block.cols,
              [&](Index j) { std::fill_n(block.col(j), block.rows, value); });
}

void copy(ConstBlock from, Block to) {
  each_column(from.rows, from.cols,
              [&](Index j) { std::copy_n(from.col(j), from.rows, to.col(j)); });
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
  each_column(from.rows, count,
              [&](Index j) { std::copy_n(from.col(order[j]), from.rows, to.col(j)); });
}

// Walks whichever dimension of `from` is contiguous.
void copy_strided(ConstMatrix from, double factor, Block to) {
  constexpr Index together = 256;  // columns whose parts of a cache line of `to` stay in cache
  const double work = kTouch * static_cast<double>(from.rows) * static_cast<double>(from.cols);
  share_out(from.cols, 8, work, [&](Index begin, Index end) {
    Pace pace;
    if (from.col_stride == 1 && from.row_stride != 1) {
      for (Index first = begin; first < end; first += together) {
        const Index last = std::min(first + together, end);
        for (Index i = 0; i < from.rows; ++i, pace(last - first))
          for (Index j = first; j < last; ++j) to(i, j) = factor * from(i, j);
      }
    } else {
      for (Index j = begin; j < end; ++j, pace(from.rows))
        for (Index i = 0; i < from.rows; ++i) to(i, j) = factor * from(i, j);
    }
  });
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
