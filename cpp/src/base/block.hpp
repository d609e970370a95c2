// Column-major blocks and the buffers behind them: what the algorithms hand to the kernels.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "overprune/interrupt.hpp"
#include "overprune/types.hpp"

namespace overprune {

/// Called between the steps of long work. It throws to stop the work. May be empty.
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

  void grow(Index rows, Index cols);
  [[noreturn]] static void refuse(Index rows, Index cols);
  struct Free {
    void operator()(double* pointer) const { ::operator delete[](pointer, kAlign); }
  };
  std::unique_ptr<double[], Free> data_;
  Index size_ = 0;
};

void fill(Block block, double value);
void copy(ConstBlock from, Block to);
/// to = from'.
void transpose(ConstBlock from, Block to);
/// Sum of squares.
double norm2(ConstBlock block);
/// a'b of two vectors (n). Four sums at once hide the latency of an addition.
inline double inner(Index n, const double* a, const double* b) {
  double sum[4] = {};
  Index i = 0;
  for (; i + 4 <= n; i += 4)
    for (int l = 0; l < 4; ++l) sum[l] += a[i + l] * b[i + l];
  for (; i < n; ++i) sum[0] += a[i] * b[i];
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}
/// The columns order[0..count) of `from`, side by side.
void gather_columns(ConstBlock from, const Index* order, Index count, Block to);
/// `from` times `factor`, as a column-major block.
void copy_strided(ConstMatrix from, double factor, Block to);
std::vector<double> copy_of(ConstVector from);
/// `from` into a view of any layout.
void copy_out(ConstBlock from, Matrix to);

}  // namespace overprune
